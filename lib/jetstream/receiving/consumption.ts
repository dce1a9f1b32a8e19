import { optionsCheck } from '../../validation/index.js';
import type { JetStreamMessage } from '../message/index.js';

/**
 * Handles one message. If it returns a promise (or another thenable), it is awaited before the next message, so that
 * messages are handled in order; any other result is ignored.
 */
export type ConsumeCallback = (message: JetStreamMessage) => unknown;

/** A running consumption, which passes messages to a handler until it is stopped or drained. */
export interface Consumption extends AsyncDisposable {
  /**
   * Ends at once: buffered messages are discarded and are delivered again after `ackWait`. It does not wait for a
   * running handler: await `closed` for that. It is safe to call at any time, also in the handler and in `onError`. It
   * never rejects.
   */
  stop(): Promise<void>;
  /**
   * Requests no more messages and resolves when all messages that the server has sent are handled. It may be called in
   * the handler, but not awaited there. It never rejects.
   */
  drain(): Promise<void>;
  /** The same as {@link drain}. It never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Resolves when the last message is handled: with the error that ended the consumption, if any. */
  readonly closed: Promise<Error | undefined>;
}

/** How a push consumer's messages are handled. */
export interface PushConsumeOptions {
  /**
   * Called with every error: errors that the consumption recovers from (missed heartbeats), errors that end it (the
   * consumer was deleted, the connection was closed), and errors of the handler. Errors of `onError` itself are logged.
   * Default: a warning in the log.
   */
  readonly onError?: ((error: Error) => unknown) | undefined;
}

/** @throws {@link InvalidArgumentError} */
export const checkPushOptions = optionsCheck<PushConsumeOptions>('consume', { onError: true });
