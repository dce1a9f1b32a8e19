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
  readonly status: HandlerStatus;
  /** How many messages or entries were handled since the start, well or not. */
  readonly handled: number;
  /** How many of them failed. */
  readonly failed: number;
  /** How many are in the works. */
  readonly running: number;
  /** How many are buffered. */
  readonly waiting: number;
  /** Whether its circuit breaker is open. */
  readonly circuitOpen: boolean;
}

/** A handler at work: a consumer's loop, a watch, a subscription. */
export interface HandlerRunner {
  readonly state: HandlerState;
  /** Does all that takes time or may fail; what it resolves with begins. A watch or subscription has begun already. */
  prepare(): Promise<() => void>;
  /** Takes nothing new, and gives back what waits where it can, until `resume`; what is in the works goes on. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when nothing waits and nothing is in the works. */
  idle(): Promise<void>;
  /** Takes nothing new, lets what is in the works end for up to `timeout` milliseconds, gives the rest back. */
  stop(timeout: number): Promise<void>;
}
