import { Inject, Injectable } from '@nestjs/common';
import { PackageNotInstalledError } from '../errors/index.js';
import { JetStreamHealth } from './jetstream-health.js';
import type {
  ConnectionHealthOptions,
  HandlersHealthOptions,
  LivenessOptions,
  ResourcesHealthOptions,
} from './health-options.js';
import type {
  ConnectionReport,
  Health,
  HandlersReport,
  HealthReport,
  LivenessReport,
  ResourcesReport,
} from './health-report.js';

/**
 * The result of an indicator, by its key: a `HealthIndicatorResult` of `@nestjs/terminus`. Its own type is not used,
 * because this entry can be imported without terminus.
 */
export type IndicatorResult<Key extends string, Report extends HealthReport> = Readonly<
  Record<Key, Omit<Report, 'status'> & { readonly status: Health }>
>;

/** The part of `HealthIndicatorService` of `@nestjs/terminus` that is used. */
interface IndicatorService {
  check(key: string): {
    up(data: Record<string, unknown>): object;
    down(data: Record<string, unknown>): object;
  };
}

/**
 * Health indicators for `@nestjs/terminus` 11 and 12, which must be installed: the checks of {@link JetStreamHealth}
 * with the key of their result as the first argument. Provided by {@link JetStreamHealthModule}.
 *
 * @example
 * ```ts
 * @Get('ready')
 * @HealthCheck()
 * ready() {
 *   return this.health.check([
 *     () => this.jetstream.connection('nats'),
 *     () => this.jetstream.handlers('handlers', { stalledAfter: 60_000 }),
 *   ]);
 * }
 * ```
 */
@Injectable()
export class JetStreamHealthIndicator {
  private service: Promise<IndicatorService> | undefined;

  /** @internal */
  constructor(@Inject(JetStreamHealth) private readonly health: JetStreamHealth) {}

  /**
   * Readiness: see {@link JetStreamHealth.connection}.
   *
   * @throws {@link PackageNotInstalledError} if terminus is not installed; {@link InvalidArgumentError}
   */
  async connection<const Key extends string>(
    key: Key,
    options?: ConnectionHealthOptions,
  ): Promise<IndicatorResult<Key, ConnectionReport>> {
    return this.result(key, await this.health.connection(options));
  }

  /**
   * Readiness: see {@link JetStreamHealth.handlers}.
   *
   * @throws {@link PackageNotInstalledError} if terminus is not installed; {@link InvalidArgumentError}
   */
  async handlers<const Key extends string>(
    key: Key,
    options?: HandlersHealthOptions,
  ): Promise<IndicatorResult<Key, HandlersReport>> {
    return this.result(key, await this.health.handlers(options));
  }

  /**
   * Readiness: see {@link JetStreamHealth.resources}.
   *
   * @throws {@link PackageNotInstalledError} if terminus is not installed; {@link InvalidArgumentError}
   */
  async resources<const Key extends string>(
    key: Key,
    options?: ResourcesHealthOptions,
  ): Promise<IndicatorResult<Key, ResourcesReport>> {
    return this.result(key, await this.health.resources(options));
  }

  /**
   * Liveness: see {@link JetStreamHealth.liveness}.
   *
   * @throws {@link PackageNotInstalledError} if terminus is not installed; {@link InvalidArgumentError}
   */
  async liveness<const Key extends string>(
    key: Key,
    options?: LivenessOptions,
  ): Promise<IndicatorResult<Key, LivenessReport>> {
    return this.result(key, this.health.liveness(options));
  }

  private async result<Key extends string, Report extends HealthReport>(
    key: Key,
    { status, ...data }: Report,
  ): Promise<IndicatorResult<Key, Report>> {
    const session = (await (this.service ??= load())).check(key);
    return session[status](data) as IndicatorResult<Key, Report>;
  }
}

/** Terminus is loaded when it is needed, because it is optional. Its service has no state that must be shared. */
async function load(): Promise<IndicatorService> {
  try {
    const terminus = await import('@nestjs/terminus');
    return new terminus.HealthIndicatorService();
  } catch (cause) {
    throw new PackageNotInstalledError(
      '@nestjs/terminus',
      'JetStreamHealthIndicator',
      'use JetStreamHealth',
      { cause },
    );
  }
}
