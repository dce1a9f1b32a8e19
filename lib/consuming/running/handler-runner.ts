/** The state of a handler. */
export type HandlerStatus = 'starting' | 'running' | 'recovering' | 'paused' | 'stopped';

/** The state and statistics of a handler at one moment. */
export interface HandlerState {
  /** The class and method; the class alone if its methods share a consumer. */
  readonly handler: string;
  readonly kind: 'consumer' | 'kv-watch' | 'object-watch' | 'subscription';
  /** The name of the connection. */
  readonly connection: string;
  /** The stream, bucket or subject. */
  readonly source: string;
  /** The name of the consumer, if there is one. */
  readonly consumer?: string;
  /** Also `stopped` after the connection was closed for good. */
  readonly status: HandlerStatus;
  /** The number of messages or entries handled since the start, including failed ones. */
  readonly handled: number;
  /** The number of failed ones. */
  readonly failed: number;
  /** The number in flight. */
  readonly running: number;
  /** The number of buffered ones. */
  readonly waiting: number;
  /** Whether its circuit breaker is open. */
  readonly circuitOpen: boolean;
}

/**
 * A running handler: a consumer's loop, a watch, or a subscription. Its commands run one after the other; `stop`
 * supersedes earlier commands that have not started, which then change nothing.
 */
export interface HandlerRunner {
  readonly state: HandlerState;
  /**
   * Does the work that takes time or may fail. The function that it resolves with starts a consumer handler; a watch or
   * subscription has already started.
   */
  prepare(): Promise<() => void>;
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
