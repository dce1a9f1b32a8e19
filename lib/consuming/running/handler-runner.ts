/**
 * The state of a handler. `starting`: it is created on the server. `running`: it receives messages, as long as the
 * connection has a link. `recovering`: its consumer, watch or subscription was lost, and is created again. `paused` and
 * `stopped`: by a command of {@link Handlers}; `stopped` also before the start, and after the connection was closed for
 * good.
 */
export type HandlerStatus = 'starting' | 'running' | 'recovering' | 'paused' | 'stopped';

/**
 * Why a handler was not started with the application. `enabled`: its option `enabled`. `autoStart`: the option of the
 * module, or of its `JetStreamServer`. `connect`: its connection has no server (`connect: false`), or is opened by the first
 * call that needs it (`connect: 'lazy'`).
 */
export type NotStarted = 'enabled' | 'autoStart' | 'connect';

/** The state and statistics of a handler at one moment. */
export interface HandlerState {
  /** The class and method; the class alone if its methods share a consumer. */
  readonly handler: string;
  readonly kind: 'consumer' | 'kv-watch' | 'object-watch' | 'subscription';
  /** The name of the connection. */
  readonly connection: string;
  /** The stream, bucket or subject. */
  readonly source: string;
  /**
   * The name of the consumer of a stream; an ordered handler has another one after each recovery. Empty before the first
   * start.
   */
  readonly consumer?: string;
  /** How the server delivers the messages of a stream. */
  readonly delivery?: 'pull' | 'push' | 'ordered';
  readonly status: HandlerStatus;
  /** Why the handler is `stopped`, if it was never started; absent from the first start on. */
  readonly notStarted?: NotStarted;
  /** How long the handler has had this status, in milliseconds. */
  readonly statusAge: number;
  /**
   * Whether the connection has a link to a server. While it has none, a handler that is `running` receives nothing, and
   * continues by itself after the reconnect.
   */
  readonly connected: boolean;
  /** Why the handler is `recovering`, or `stopped` by the end of its connection. */
  readonly error: Error | undefined;
  /**
   * The number of deliveries of messages or entries handled since the start, including failed ones; a message that is
   * retried counts each time.
   */
  readonly handled: number;
  /** The number of failed ones. */
  readonly failed: number;
  /** The number in flight. */
  readonly running: number;
  /** The number of buffered ones, which wait for a free slot, a rate limit or a circuit breaker. */
  readonly waiting: number;
  /**
   * How long the handler has been running for the oldest message, entry or batch, in milliseconds; 0 if it is not
   * running. It includes retries in place (`ordered`, watches), but not the time before the call and the settlement. It
   * is at most one second too short.
   */
  readonly oldest: number;
  /** Whether its circuit breaker is open. */
  readonly circuitOpen: boolean;
}

/**
 * A running handler: a consumer's loop, a watch, or a subscription. Its commands run one after the other; `stop`
 * supersedes earlier commands that have not started, which then change nothing.
 */
export interface HandlerRunner {
  readonly state: HandlerState;
  /** How many messages its consumer had not delivered when it was prepared, if it has a consumer. */
  readonly lagAtStart?: number | undefined;
  /**
   * Does the work that takes time or may fail. The function that it resolves with starts a consumer handler; a watch or
   * subscription has already started.
   */
  prepare(): Promise<() => void>;
  /**
   * Resolves when the other handlers may start, after {@link prepare}. Rejects if the application must not start.
   * Default: they need not wait.
   */
  ready?(): Promise<void>;
  /** Prepares and starts the handler if it is stopped. Resolves with `true` if it did. */
  start(): Promise<boolean>;
  /**
   * Stops receiving, and returns buffered messages if possible, until `resume`; messages in flight are completed.
   *
   * @returns whether it was running
   */
  pause(): Promise<boolean>;
  /** Continues after `pause`. Resolves with `true` if it did. */
  resume(): Promise<boolean>;
  /** Resolves when no messages are buffered or in flight. */
  idle(): Promise<void>;
  /** Stops receiving, waits up to `timeout` milliseconds for messages in flight, and returns the rest. */
  stop(timeout: number): Promise<void>;
}
