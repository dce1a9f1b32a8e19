/** What a handler is doing. */
export type HandlerStatus = 'starting' | 'running' | 'recovering' | 'paused' | 'stopped';

/** A handler's state and figures at one moment. */
export interface HandlerState {
  /** Class and method; the class alone where its methods share a consumer. */
  readonly handler: string;
  readonly kind: 'consumer' | 'kv-watch' | 'object-watch' | 'subscription';
  /** The name of the connection. */
  readonly connection: string;
  /** The stream, bucket or subject. */
  readonly source: string;
  /** The name of the consumer, where there is one. */
  readonly consumer?: string;
  /** `stopped` also after its connection was closed for good. */
  readonly status: HandlerStatus;
  /** How many messages or entries were handled since the start, well or not. */
  readonly handled: number;
  /** How many of them failed. */
  readonly failed: number;
  /** How many are in flight. */
  readonly running: number;
  /** How many are buffered. */
  readonly waiting: number;
  /** Whether its circuit breaker is open. */
  readonly circuitOpen: boolean;
}

/**
 * A handler at work: a consumer's loop, a watch, a subscription. Its commands run one after the other; `stop` supersedes
 * those before it that have not begun, which then change nothing.
 */
export interface HandlerRunner {
  readonly state: HandlerState;
  /** Does all that takes time or may fail; what it resolves with begins. A watch or subscription has begun already. */
  prepare(): Promise<() => void>;
  /** Prepares and begins, if the handler is stopped; whether it did. */
  start(): Promise<boolean>;
  /**
   * Takes nothing new, and gives back what is buffered where it can, until `resume`; what is in flight goes on.
   *
   * @returns whether it was running
   */
  pause(): Promise<boolean>;
  /** Goes on after `pause`; whether it did. */
  resume(): Promise<boolean>;
  /** Resolves when nothing is buffered and nothing in flight. */
  idle(): Promise<void>;
  /** Takes nothing new, lets what is in flight end for up to `timeout` milliseconds, gives the rest back. */
  stop(timeout: number): Promise<void>;
}
