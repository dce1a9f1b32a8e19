import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency } from '@nestjs/common';
import { plainPath } from '../pages/index.js';
import {
  type AllOptionsOf,
  filledText,
  functionRule,
  list,
  objectWith,
  oneOf,
  required,
  resourceName,
  rule,
} from '../validation/index.js';
import type { MetricsRegistry } from './shared-metric.js';

/** The upper bounds of the buckets of histograms, in seconds, ascending. */
export interface JetStreamMetricsBuckets {
  /** From the call of a handler until its message was settled. Default: 1 ms to 60 s. */
  readonly process?: readonly number[] | undefined;
  /** From the time at which a message was stored until its handler was called. Default: 1 ms to 30 min. */
  readonly delay?: readonly number[] | undefined;
  /** Operations: publishing, requests, Key-Value and Object Store. Default: 0.5 ms to 10 s. */
  readonly operation?: readonly number[] | undefined;
}

/** Options of the metrics of one application. */
export interface JetStreamMetricsOptions {
  /** The registry of `prom-client` that is scraped. Default: its global `register`. */
  readonly registry?: MetricsRegistry | undefined;
  /**
   * The beginning of the names of metrics; those of streams and consumers on the server always begin with `nats_`.
   * Default `nats_jetstream_`.
   */
  readonly prefix?: string | undefined;
  /**
   * The label `application` of all series: set it if several applications share a registry, or a dashboard shows several
   * services. If another application in the same registry has the name, a number is appended. Default `default`.
   */
  readonly application?: string | undefined;
  readonly buckets?: JetStreamMetricsBuckets | undefined;
}

/** Options of {@link JetStreamMetricsModule.forRoot}. */
export interface JetStreamMetricsModuleOptions extends JetStreamMetricsOptions {
  /**
   * Which instances of the service read the state of streams and consumers from the server: lag, unacknowledged messages,
   * sizes. They read it when they are scraped, at most every 5 seconds, and only for streams and consumers that the
   * application uses.
   *
   * - `leader`: one instance, which is elected in the bucket `leaderBucket`. Instances that use the same streams and
   *   consumers are instances of one service. Without permission for the election, or without JetStream, a warning is
   *   logged, and this instance does not read.
   * - `every`: every instance.
   * - `off`: no instance; for example if prometheus-nats-exporter provides these metrics.
   *
   * Default `leader`.
   */
  readonly server?: 'leader' | 'every' | 'off' | undefined;
  /**
   * The Key-Value bucket in which instances elect the one that reads, on each connection. It is created if it is missing
   * and the module's `provisioning` is `ensure`. Services may share it. Default `jetstream-metrics`.
   */
  readonly leaderBucket?: string | undefined;
}

/** Options that have to be known before the application is created. */
export interface JetStreamMetricsModuleExtras {
  /**
   * Serves the registry with a controller at this path, for example `/metrics`: letters, digits, `/`, `_`, `-`, `.` and `~`. It has the global prefix, guards and
   * interceptors of the application, and no protection of its own. Default: no controller.
   */
  readonly endpoint?: string | undefined;
}

/** Options of {@link JetStreamMetricsModule.forRootAsync}. */
export interface JetStreamMetricsModuleAsyncOptions extends JetStreamMetricsModuleExtras {
  /** The modules whose providers the factory injects. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** The providers to pass to the factory. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[] | undefined;
  /** Creates the options when the application starts. */
  readonly useFactory: (
    ...injected: never[]
  ) => JetStreamMetricsModuleOptions | Promise<JetStreamMetricsModuleOptions>;
}

const bounds = rule(
  'a list of numbers above 0 in ascending order',
  (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((bound, i) => Number.isFinite(bound) && bound > (i === 0 ? 0 : (value[i - 1] as number))),
);

/** The options of {@link JetStreamMetricsOptions}. */
export const METRICS_OPTIONS = {
  registry: objectWith(
    ['metrics', 'getSingleMetric', 'registerMetric', 'removeSingleMetric'],
    'a Registry of prom-client',
  ),
  prefix: rule(
    'letters, digits and "_", beginning with a letter',
    (value) => typeof value === 'string' && /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(value),
  ),
  application: filledText,
  buckets: {
    process: bounds,
    delay: bounds,
    operation: bounds,
  } satisfies AllOptionsOf<JetStreamMetricsBuckets>,
} satisfies AllOptionsOf<JetStreamMetricsOptions>;

/** The options of {@link JetStreamMetricsModuleOptions}. */
export const METRICS_MODULE_OPTIONS = {
  ...METRICS_OPTIONS,
  server: oneOf(['leader', 'every', 'off']),
  leaderBucket: resourceName,
} satisfies AllOptionsOf<JetStreamMetricsModuleOptions>;

/** The options of `forRoot`. */
export const FOR_ROOT_OPTIONS = {
  ...METRICS_MODULE_OPTIONS,
  endpoint: plainPath,
} satisfies AllOptionsOf<JetStreamMetricsModuleOptions & JetStreamMetricsModuleExtras>;

/** The options of `forRootAsync`. */
export const FOR_ROOT_ASYNC_OPTIONS = {
  imports: list('a list of modules'),
  inject: list('a list of injection tokens'),
  useFactory: required(functionRule('a function that returns the options')),
  endpoint: plainPath,
} satisfies AllOptionsOf<JetStreamMetricsModuleAsyncOptions>;
