import {
  type AllOptionsOf,
  checkedOptions,
  count,
  duration,
  filledText,
  flag,
  listOf,
  MapOf,
  positiveDuration,
  resourceName,
  share,
} from '../validation/index.js';

/** Options of all checks. */
export interface HealthCheckOptions {
  /** The name of a connection. Default: all connections of the application. */
  readonly connection?: string | undefined;
  /** How long the check may take at most, in milliseconds. Default 1,000. */
  readonly timeout?: number | undefined;
}

/** Options of `connection`. */
export interface ConnectionHealthOptions extends HealthCheckOptions {
  /** The longest round trip to the server that is healthy, in milliseconds. Default: `timeout`. */
  readonly maxRtt?: number | undefined;
}

/** When one handler is unhealthy. */
export interface HandlerThresholds {
  /**
   * How long a handler may run for one message or batch, and how long its consumer may deliver nothing although messages
   * are pending, in milliseconds. Longer than your slowest handler takes. Default 300,000.
   */
  readonly stalledAfter?: number | undefined;
  /** The lag that is still healthy: how many messages the consumer has not delivered yet. Default: any. */
  readonly maxPending?: number | undefined;
  /** Whether the handler is not checked. Default `false`. */
  readonly ignore?: boolean | undefined;
}

/** Options of `handlers`. */
export interface HandlersHealthOptions extends HealthCheckOptions, Omit<HandlerThresholds, 'ignore'> {
  /**
   * How long a handler may be without its consumer or without an answer of the server, in milliseconds: it recovers by
   * itself, for example from a change of leader. Default 15,000.
   */
  readonly grace?: number | undefined;
  /** Other thresholds for single handlers, by their names, such as `Reports.build`. */
  readonly handlers?: Readonly<Record<string, HandlerThresholds>> | undefined;
}

/** Options of `resources`. */
export interface ResourcesHealthOptions extends HealthCheckOptions {
  /** The names of streams that must exist. */
  readonly streams?: readonly string[] | undefined;
  /** The names of Key-Value buckets that must exist. */
  readonly buckets?: readonly string[] | undefined;
  /** The names of Object Store buckets that must exist. */
  readonly objectStores?: readonly string[] | undefined;
  /** The share of the account's storage limits that may be used, above 0 and up to 1. Default: it is not checked. */
  readonly usedStorage?: number | undefined;
  /**
   * How long a stream or bucket may be without a leader, or the server without an answer, in milliseconds. Default
   * 15,000.
   */
  readonly grace?: number | undefined;
}

/** Options of `liveness`. */
export interface LivenessOptions {
  /** The name of a connection. Default: all connections of the application. */
  readonly connection?: string | undefined;
  /** How long a handler may run for one message or batch, in milliseconds. Default 300,000. */
  readonly stalledAfter?: number | undefined;
  /** Other thresholds for single handlers, by their names, such as `Reports.build`. */
  readonly handlers?: Readonly<Record<string, Omit<HandlerThresholds, 'maxPending'>>> | undefined;
}

/** The defaults of all checks, in milliseconds. */
export const DEFAULT_TIMEOUT = 1_000;
export const DEFAULT_GRACE = 15_000;
export const DEFAULT_STALLED_AFTER = 300_000;

const common = {
  connection: filledText,
  timeout: positiveDuration,
} satisfies AllOptionsOf<HealthCheckOptions>;

const CONNECTION = { ...common, maxRtt: positiveDuration } satisfies AllOptionsOf<ConnectionHealthOptions>;

const thresholds = {
  stalledAfter: positiveDuration,
  maxPending: count(0),
  ignore: flag,
} satisfies AllOptionsOf<HandlerThresholds>;
const { stalledAfter, maxPending, ignore } = thresholds;

const HANDLERS = {
  ...common,
  stalledAfter,
  maxPending,
  grace: duration(),
  handlers: new MapOf(thresholds),
} satisfies AllOptionsOf<HandlersHealthOptions>;

const names = listOf(resourceName, 'a list of names');

const RESOURCES = {
  ...common,
  streams: names,
  buckets: names,
  objectStores: names,
  usedStorage: share,
  grace: duration(),
} satisfies AllOptionsOf<ResourcesHealthOptions>;

const LIVENESS = {
  connection: filledText,
  stalledAfter,
  handlers: new MapOf({ stalledAfter, ignore }),
} satisfies AllOptionsOf<LivenessOptions>;

/** Check the options of each method. @throws {@link InvalidArgumentError} */
export const checked = {
  connection: (options: ConnectionHealthOptions): ConnectionHealthOptions =>
    checkedOptions('the health check connection', options, CONNECTION),
  handlers: (options: HandlersHealthOptions): HandlersHealthOptions =>
    checkedOptions('the health check handlers', options, HANDLERS),
  resources: (options: ResourcesHealthOptions): ResourcesHealthOptions =>
    checkedOptions('the health check resources', options, RESOURCES),
  liveness: (options: LivenessOptions): LivenessOptions =>
    checkedOptions('the health check liveness', options, LIVENESS),
};
