import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Injectable,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Handlers } from '../consuming/index.js';
import { HandlersModule, JetStreamConnections } from '../handlers/index.js';
import { JetStreamInstruments } from '../instruments/index.js';
import { checkedOptions } from '../validation/index.js';
import { ApplicationMetrics } from './application-metrics.js';
import { JetStreamMetrics } from './jetstream-metrics.js';
import { metricsController } from './metrics-controller.js';
import {
  FOR_ROOT_ASYNC_OPTIONS,
  FOR_ROOT_OPTIONS,
  type JetStreamMetricsModuleAsyncOptions,
  type JetStreamMetricsModuleExtras,
  type JetStreamMetricsModuleOptions,
  METRICS_MODULE_OPTIONS,
} from './metrics-options.js';

const ENDPOINT = 'JETSTREAM_METRICS_ENDPOINT';

/** Adds the metrics to the registry when all providers exist, and removes them at shutdown. */
@Injectable()
class MetricsLifecycle implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  constructor(
    @Inject(ApplicationMetrics) private readonly metrics: ApplicationMetrics,
    @Inject(ENDPOINT) private readonly endpoint: string,
    @Inject(HttpAdapterHost) private readonly host: Partial<HttpAdapterHost>,
  ) {}

  onModuleInit(): void {
    this.metrics.open();
    if (this.endpoint === '' || this.host.httpAdapter !== undefined) return;
    new Logger('JetStreamMetrics').warn(
      `The metrics are not served at "${this.endpoint}", because the application has no HTTP server. ` +
        'Create it with NestFactory.create, or leave out the option endpoint.',
    );
  }

  onModuleDestroy(): void {
    this.metrics.stopReading();
  }

  onApplicationShutdown(): void {
    this.metrics.close();
  }
}

/**
 * Metrics for Prometheus, in a registry of `prom-client`: of handlers, operations and connections, and of the streams and
 * consumers that the application uses. Import it once, beside `JetStreamModule`.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     JetStreamModule.forRoot({ connection: { servers: 'nats://localhost:4222' } }),
 *     JetStreamMetricsModule.forRoot({ application: 'billing', endpoint: '/metrics' }),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class JetStreamMetricsModule {
  /**
   * Registers the metrics with these options.
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forRoot(options: JetStreamMetricsModuleOptions & JetStreamMetricsModuleExtras = {}): DynamicModule {
    const { endpoint, ...read } = checkedOptions<typeof options>(
      'JetStreamMetricsModule.forRoot',
      options,
      FOR_ROOT_OPTIONS,
    );
    return moduleWith({ provide: ApplicationMetrics, ...created([], () => read) }, endpoint);
  }

  /**
   * Registers the metrics with options that are created when the application starts. If the factory throws or returns
   * invalid options, the startup fails.
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forRootAsync(options: JetStreamMetricsModuleAsyncOptions): DynamicModule {
    const whose = 'JetStreamMetricsModule.forRootAsync';
    const {
      endpoint,
      imports = [],
      inject = [],
      useFactory,
    } = checkedOptions<JetStreamMetricsModuleAsyncOptions>(whose, options, FOR_ROOT_ASYNC_OPTIONS);
    const metrics = created(inject, async (...injected: never[]) =>
      checkedOptions<JetStreamMetricsModuleOptions>(
        whose,
        await useFactory(...injected),
        METRICS_MODULE_OPTIONS,
      ),
    );
    return moduleWith({ provide: ApplicationMetrics, ...metrics }, endpoint, imports);
  }
}

function created(
  inject: NonNullable<JetStreamMetricsModuleAsyncOptions['inject']>,
  options: JetStreamMetricsModuleAsyncOptions['useFactory'],
): Omit<FactoryProvider, 'provide'> {
  return {
    inject: [JetStreamInstruments, Handlers, JetStreamConnections, ...inject],
    useFactory: async (
      instruments: JetStreamInstruments,
      handlers: Handlers,
      connections: JetStreamConnections,
      ...injected: never[]
    ): Promise<ApplicationMetrics> =>
      ApplicationMetrics.of({ instruments, handlers, connections }, await options(...injected)),
  };
}

function moduleWith(
  metrics: Provider,
  endpoint: string | undefined,
  imports: NonNullable<DynamicModule['imports']> = [],
): DynamicModule {
  return {
    module: JetStreamMetricsModule,
    global: true,
    imports: [HandlersModule, ...imports],
    controllers: endpoint === undefined ? [] : [metricsController(endpoint)],
    providers: [
      metrics,
      {
        provide: JetStreamMetrics,
        inject: [ApplicationMetrics],
        useFactory: ({ instrument }: ApplicationMetrics) => instrument,
      },
      { provide: ENDPOINT, useValue: endpoint ?? '' },
      MetricsLifecycle,
    ],
    exports: [JetStreamMetrics],
  };
}
