import { optionsCheck } from '../../validation/index.js';
import type { JetStreamMessage } from '../message/index.js';

/**
 * Handles one message. A promise (or another thenable) that it returns is awaited before the next message, so that messages
 * are handled in order; any other result is ignored.
 */
export type ConsumeCallback = (message: JetStreamMessage) => unknown;

/** Something that hands messages to a handler until it is stopped or drained. */
export interface Consumption extends AsyncDisposable {
  /**
   * Ends at once: buffered messages are discarded and come again after `ackWait`. A running handler is not waited for: await
   * `closed` for that. Safe to call at any time, in the handler and in `onError` too.
   */
  stop(): Promise<void>;
  /**
   * Asks for no more messages and resolves when all that the server has sent are handled. It may be called in the handler, but
   * not awaited there.
   */
  drain(): Promise<void>;
  /** The same as {@link drain}. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Resolves when the last message is handled: with the error that ended it, if one did. */
  readonly closed: Promise<Error | undefined>;
}

/** How a push consumer's messages are handled. */
export interface PushConsumeOptions {
  /**
   * Called with every error: those that receiving recovers from (missed heartbeats), those that end it (the consumer deleted,
   * the connection closed), and what the handler throws or rejects with. What `onError` itself throws is logged. Default: a
   * warning in the log.
   */
  readonly onError?: ((error: Error) => unknown) | undefined;
}

/** @throws {@link InvalidArgumentError} */
export const checkPushOptions = optionsCheck<PushConsumeOptions>('consume', { onError: true });
