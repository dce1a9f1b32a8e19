import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { counted, errorText } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import type { RunningOptions } from '../planning/index.js';
import {
  DeadLetterReason,
  messageName,
  settleKept,
  type DeadLetterSink,
  type SettlementPolicy,
} from '../settlement/index.js';

/** How long storing dead letters of last deliveries may take at shutdown, beyond `shutdownTimeout`, in milliseconds. */
const LAST_DELIVERIES = 1_000;
/**
 * The `maxDeliver` up to which nothing is buffered, because a returned message would have only one delivery left, or
 * none.
 */
const FEW_DELIVERIES = 2;
/** The maximum number of sequences in one log line. */
const NAMED = 50;

/** The number of messages of one consumer that were unfinished at shutdown, by outcome. */
export interface Abandoned {
  /** Returned, or left for the server to deliver again. */
  readonly returned: number;
  /** Had no further delivery: stored as dead letters, or lost. */
  readonly last: number;
}

/**
 * Returns messages to the server. The server counts a delivery when it delivers, so a returned message has one delivery
 * less. A message in its last delivery would be lost, so it is never returned.
 */
export class GivingBack {
  /** Whether nothing may be buffered because a pause would use up deliveries that the messages need. */
  readonly isCostly: boolean;
  private readonly logger = new Logger('JsConsumer');

  constructor(
    private readonly options: RunningOptions,
    private readonly policy: SettlementPolicy,
  ) {
    this.isCostly = options.acknowledged && policy.retry.maxDeliver <= FEW_DELIVERIES;
  }

  /** Returns a message to the server if it has another delivery left. The result is `true` if it was returned. */
  offer(message: JetStreamMessage): boolean {
    if (!this.options.acknowledged || this.isLast(message)) return false;
    if (!message.settled) message.nak();
    return true;
  }

  /**
   * At the end of a shutdown: returns unfinished messages, and stores dead letters for those without a further
   * delivery. With `ackMode: 'first'`, these are the messages whose handler has started.
   *
   * @param held the messages in flight and the waiting ones
   */
  async abandon(held: readonly JetStreamMessage[]): Promise<Abandoned> {
    const isOnceOnly = this.policy.ackMode === 'first';
    const unfinished = held.filter(({ settled }) => isOnceOnly || !settled);
    if (!this.options.acknowledged) return { returned: unfinished.length, last: 0 };
    const last = unfinished.filter((message) => message.settled || !this.offer(message));
    if (last.length > 0) await this.endLast(last);
    return { returned: unfinished.length - last.length, last: last.length };
  }

  private async endLast(messages: readonly JetStreamMessage[]): Promise<void> {
    const { handler, stream, deadLetters } = this.policy;
    if (deadLetters) {
      await within(LAST_DELIVERIES, Promise.all(messages.map((message) => this.keep(message, deadLetters))));
      return;
    }
    const sequences = messages.map(({ metadata }) => metadata.streamSequence).toSorted((a, b) => a - b);
    const named = sequences.slice(0, NAMED).join(', ');
    const more = sequences.length > NAMED ? ` and ${sequences.length - NAMED} more` : '';
    this.logger.error(
      `${handler}: ${counted(messages.length, 'message')} unfinished at shutdown in the last delivery, so not delivered ` +
        `again: sequences ${named}${more} of stream "${stream}". Set deadLetter to keep such messages.`,
    );
  }

  private async keep(message: JetStreamMessage, deadLetters: DeadLetterSink): Promise<void> {
    const { policy } = this;
    const reason = DeadLetterReason.NeverSettled;
    try {
      const stored = await deadLetters.publish(message, policy, reason, new Error('unfinished at shutdown'));
      settleKept(message, policy, stored, reason);
    } catch (error) {
      this.logger.error(
        `${messageName(message, policy)} could not be stored as a dead letter yet: ${errorText(error)}`,
      );
    }
  }

  private isLast(message: JetStreamMessage): boolean {
    const { maxDeliver } = this.policy.retry;
    return maxDeliver !== Infinity && message.metadata.deliveryCount >= maxDeliver;
  }
}
