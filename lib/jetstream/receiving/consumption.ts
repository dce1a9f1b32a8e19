import type { JetStreamMessage } from '../message/index.js';

/** Handles one message. What it returns is awaited before the next message, so messages are handled in order. */
export type MessageHandler = (message: JetStreamMessage) => void | Promise<void>;

/** Something that hands messages to a handler until it is stopped or drained. */
export interface Consumption extends AsyncDisposable {
  /**
   * Ends at once: what is buffered is thrown away and comes again after `ackWait`. A handler that is at work is not
   * waited for: await `closed` for that.
   */
  stop(): Promise<void>;
  /** Asks for no more and resolves when all that was sent until now is handled; so never await it in the handler. */
  drain(): Promise<void>;
  /** As {@link drain}. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Resolves when the last message is handled: with the error that ended it, if one did. */
  readonly closed: Promise<Error | undefined>;
}

/** How a push consumer's messages are handled. */
export interface PushConsumeOptions {
  /**
   * Hears of what goes wrong: what mends itself (missed heartbeats) and what ends receiving (the consumer deleted, the
   * connection closed). Default: a warning in the log.
   */
  readonly onError?: (error: Error) => void;
}
