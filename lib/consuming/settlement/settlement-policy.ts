import type { JetStreamMessage } from '../../jetstream/index.js';
import type { RetryPolicy } from './retry-policy.js';

/**
 * When a message counts as handled:
 * - `auto`: acknowledged when the handler has returned or resolved;
 * - `confirmed`: the same, and the next message waits until the server has confirmed it;
 * - `manual`: never automatically: the handler settles it through its context, or `ackWait` decides. A handler that
 *   throws is treated as in `auto`;
 * - `first`: acknowledged before the handler is called, so that it is never delivered twice, not even if the handler or
 *   its process fails: at most once;
 * - `none`: a message counts as handled when it is delivered: the consumer has no acknowledgements (`ackPolicy` none).
 *   At a pause or shutdown, delivered messages are handled within `shutdownTimeout`; if an instance crashes, its
 *   unhandled messages are lost. This is the cheapest mode, for messages that the next message makes obsolete.
 *
 * With `first` and `none`, messages are not retried, but with `deadLetter`, failed messages are still stored as dead
 * letters.
 */
export type AckMode = 'auto' | 'confirmed' | 'manual' | 'first' | 'none';

/** The rules for settling one handler's messages, complete and validated. */
export interface SettlementPolicy {
  /** The class and method, such as `Billing.onCreated`. */
  readonly handler: string;
  readonly stream: string;
  readonly consumer: string;
  readonly ackMode: AckMode;
  readonly retry: RetryPolicy;
  /** Stores messages that cannot be handled; `undefined` if they are not stored. */
  readonly deadLetters: DeadLetterSink | undefined;
}

/** How a message must be settled after its dead letter was stored. */
export interface StoredDeadLetter {
  /**
   * Whether the payload exists only in the message itself, because it did not fit into the dead letter, and the stream
   * would remove the message if it were terminated. The message must then stay in the stream.
   */
  readonly needsOriginal: boolean;
}

/** Stores messages that cannot be handled. */
export interface DeadLetterSink {
  /**
   * Stores a message with the details of its failure; resolves when it is stored. If payload and details do not fit
   * into one message, it is stored without the payload.
   *
   * @throws {@link PayloadTooLargeError} if not even the details fit into a message of the dead-letter stream
   */
  publish(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): Promise<StoredDeadLetter>;
}

/**
 * Is notified when the handling of each message starts and ends, and settles the message. None of these methods may
 * throw.
 */
export interface Settlement {
  /** Called before the handler. */
  onStart(message: JetStreamMessage, policy: SettlementPolicy): void;
  /** Called when the handler has returned or resolved. Returns a promise only if there is something to wait for. */
  onSuccess(message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void>;
  /** Called when the handler has thrown or rejected, or its payload could not be decoded or validated. */
  onFailure(error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void>;
}

/** Why a message became a dead letter, if its handler gave no reason with {@link TerminateMessage}. */
export const DeadLetterReason = {
  /** The message failed in each of its deliveries. */
  DeliveriesUsedUp: 'deliveries used up',
  /** `retryIf` decided that no retry can help. */
  NotToBeRetried: 'not to be retried',
  /** The payload could not be decoded, or was rejected by a pipe or schema. */
  InvalidPayload: 'invalid payload',
  /** The message used up its deliveries without being settled: its processes ended or took too long. */
  NeverSettled: 'never settled',
  /** The handler failed, and its `ackMode` does not retry. */
  Failed: 'failed',
} as const;
export type DeadLetterReason = (typeof DeadLetterReason)[keyof typeof DeadLetterReason];
