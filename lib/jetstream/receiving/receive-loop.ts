import type { PullLoopOwner } from './pull-loop.js';

/** What keeps messages coming: a {@link PullLoop}, or an ordered one. */
export interface ReceiveLoop {
  /** Gives the places of messages back. */
  release(messages: number, bytes?: number): void;
  /** Ends at once. */
  stop(): void;
  /** Delivers what was sent until now, then ends. */
  drain(): Promise<void>;
}

/** Starts a loop for an owner. */
export type OpenLoop = (owner: PullLoopOwner) => ReceiveLoop;

/** What is received from: the names for errors. */
export interface ReceivingFrom {
  readonly stream: string;
  readonly consumer: string;
}
