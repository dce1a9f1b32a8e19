import type { JetStreamMessage } from '../../jetstream/index.js';
import type { RetryPolicy } from './retry-policy.js';

/**
 * When a message counts as handled:
 * - `auto`: acknowledged when the handler has returned or resolved;
 * - `confirmed`: the same, and the next message waits until the server has confirmed it;
 * - `manual`: never by itself: the handler settles it through its context, or `ackWait` decides. A handler that throws
 *   is treated as in `auto`;
 * - `first`: acknowledged before the handler is called, so that it never comes twice, and not again where the handler
 *   fails or dies: at most once;
 * - `none`: delivered is done: the consumer has no acknowledgements (`ackPolicy` none). A pause or shutdown handles what
 *   was delivered, as far as `shutdownTimeout` allows; what an instance that dies has not handled is lost. The cheapest,
 *   for what the next message makes obsolete.
 *
 * With `first` and `none` nothing is retried; with `deadLetter`, what fails is kept nevertheless.
 */
export type AckMode = 'auto' | 'confirmed' | 'manual' | 'first' | 'none';

/** The rules that one handler's messages are settled by, complete and checked. */
export interface SettlementPolicy {
  /** Class and method, such as `Billing.onCreated`. */
  readonly handler: string;
  readonly stream: string;
  readonly consumer: string;
  readonly ackMode: AckMode;
  readonly retry: RetryPolicy;
  /** Where messages go that cannot be handled; `undefined` where they are not kept. */
  readonly deadLetters: DeadLetterSink | undefined;
}

/** What must happen to a message whose dead letter is stored. */
export interface StoredDeadLetter {
  /**
   * Whether only the message itself has the payload, which did not fit into the dead letter, and its stream would remove it
   * if it were terminated: leave it there.
   */
  readonly needsOriginal: boolean;
}

/** Keeps messages that cannot be handled. */
export interface DeadLetterSink {
  /**
   * Stores a message with what is known of its failure; resolves when it is stored. It is stored without its payload if it
   * does not fit into one message with that.
   *
   * @throws {@link PayloadTooLargeError} if the dead-letter stream does not even take the details
   */
  publish(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): Promise<StoredDeadLetter>;
}

/** Is told how the handling of each message begins and ends, and settles the message. None of these may throw. */
export interface Settlement {
  /** The handler is about to be called. */
  onStart(message: JetStreamMessage, policy: SettlementPolicy): void;
  /** The handler has returned or resolved. Returns a promise only where there is something to wait for. */
  onSuccess(message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void>;
  /** The handler has thrown or rejected, or could not be given its payload. */
  onFailure(error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void>;
}

/** Why a message became a dead letter, where its handler gave no reason of its own with {@link TerminateMessage}. */
export const DeadLetterReason = {
  /** It failed in each of its deliveries. */
  DeliveriesUsedUp: 'deliveries used up',
  /** `retryIf` said that no retry can help. */
  NotToBeRetried: 'not to be retried',
  /** Its payload could not be decoded, or was refused by a pipe or schema. */
  InvalidPayload: 'invalid payload',
  /** It used up its deliveries without ever being settled: whoever handled it died, or took too long. */
  NeverSettled: 'never settled',
  /** Its handler failed, and its `ackMode` knows no retries. */
  Failed: 'failed',
} as const;
export type DeadLetterReason = (typeof DeadLetterReason)[keyof typeof DeadLetterReason];
