import type { JetStreamMessage } from '../message/index.js';
/** What a {@link PullLoop} tells its owner. None of these may throw. */
export interface LoopOwner {
  /** A message. The owner gives its place back with {@link PullLoop.release} once it holds it no longer. */
  onMessage(message: JetStreamMessage): void;
  /** Something went wrong that the loop recovers from: missed heartbeats, a new leader, a refused request. */
  onError(error: Error): void;
  /** The consumer or its stream was lost; the loop makes another one by itself. Without it: as `onError`. */
  onLost?(error: Error): void;
  /** What was reported to `onLost` is over. */
  onRecovered?(): void;
  /** The loop has ended, by `stop` or `drain` (no error) or because it cannot go on. Called once. */
  onEnd(error: Error | undefined): void;
  /**
   * A pull is due: how many messages may be asked for or held from now on, `maxMessages` at the most. The next pull
   * is due at half of that, or at `slots`. Without it: `maxMessages` and `thresholdMessages`.
   */
  readonly window?: (() => number) | undefined;
  /** How many messages the owner is at work on at once: where fewer are asked for or held, it has nothing to do. */
  readonly slots?: number | undefined;
  /** Whether messages are wanted now; `release(0)` asks again. Without it: always. */
  readonly wants?: (() => boolean) | undefined;
}

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
export type OpenLoop = (owner: LoopOwner) => ReceiveLoop;

/** What is received from: the names for errors. */
export interface ReceivingFrom {
  readonly stream: string;
  readonly consumer: string;
}
