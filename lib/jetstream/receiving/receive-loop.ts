import type { JetStreamMessage } from '../message/index.js';
/** The callbacks of a {@link PullLoop}. None of them may throw. */
export interface LoopOwner {
  /** Called with a message. The owner calls {@link PullLoop.release} once it no longer holds the message. */
  onMessage(message: JetStreamMessage): void;
  /** Called with an error that the loop recovers from: missed heartbeats, a new leader, a refused request. */
  onError(error: Error): void;
  /** Called when the consumer or its stream was lost; the loop creates another one. Default: `onError`. */
  onLost?(error: Error): void;
  /** Called when the loop has recovered from an error of `onLost`. */
  onRecovered?(): void;
  /** Called once when the loop has ended, by `stop` or `drain` (no error) or because it cannot continue. */
  onEnd(error: Error | undefined): void;
  /**
   * Called when a pull is due. Returns the number of messages that may be requested or held from now on, at most
   * `maxMessages`. The next pull is due at half of that, or at `slots`. Default: `maxMessages` and `thresholdMessages`.
   */
  readonly window?: (() => number) | undefined;
  /**
   * The number of messages that the owner handles at once: if fewer are requested or held, some of its slots are idle.
   */
  readonly slots?: number | undefined;
  /** Whether the owner wants messages now; `release(0)` asks again. Default: always. */
  readonly wants?: (() => boolean) | undefined;
}

/** A loop that receives messages: a {@link PullLoop}, or an ordered one. */
export interface ReceiveLoop {
  /** Releases messages that the owner no longer holds. */
  release(messages: number, bytes?: number): void;
  /** Ends at once. */
  stop(): void;
  /** Delivers the messages that were already sent, then ends. */
  drain(): Promise<void>;
}

/** Starts a loop for an owner. */
export type OpenLoop = (owner: LoopOwner) => ReceiveLoop;

/** The source of messages: the names for errors. */
export interface ReceivingFrom {
  readonly stream: string;
  readonly consumer: string;
}
