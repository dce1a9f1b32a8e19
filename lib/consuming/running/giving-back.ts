import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import type { RunningOptions } from '../planning/index.js';
import {
  DeadLetterReason,
  messageName,
  settleKept,
  type DeadLetterSink,
  type SettlementPolicy,
} from '../settlement/index.js';

/** How long dead letters of last deliveries may take at shutdown, beyond `shutdownTimeout`, in milliseconds. */
const LAST_DELIVERIES = 1_000;
/** Up to how many deliveries a consumer buffers nothing: giving a message back would leave it none, or only one. */
const FEW_DELIVERIES = 2;
/** How many sequences one log line names. */
const NAMED = 50;

/** How many messages of one consumer became of a shutdown what. */
export interface Abandoned {
  /** Given back, or left for the server to deliver again. */
  readonly returned: number;
  /** Without a further delivery: dead letters, or lost. */
  readonly last: number;
}

/**
 * Gives messages back to the server. The server counts a delivery when it delivers, so a message that is given back has
 * one delivery less; one in its last delivery would be lost, and is never given back.
 */
export class GivingBack {
  /** Whether nothing may be buffered: a pause would take deliveries that the messages need. */
  readonly isCostly: boolean;
  private readonly logger = new Logger('JsConsumer');

  constructor(
    private readonly options: RunningOptions,
    private readonly policy: SettlementPolicy,
  ) {
    this.isCostly = options.acknowledged && policy.retry.maxDeliver <= FEW_DELIVERIES;
  }

  /** Gives a message back, if it has another delivery; whether it did. */
  offer(message: JetStreamMessage): boolean {
    if (!this.options.acknowledged || this.isLast(message)) return false;
    if (!message.settled) message.nak();
    return true;
  }

  /**
   * At the end of a shutdown: gives back what is unfinished, and makes dead letters of what has no further delivery. With
   * `ackMode: 'first'`, that is what has begun.
   *
   * @param held what runs and what waits
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
      `${handler}: the last deliveries of ${messages.length} messages were unfinished at shutdown, and they do not ` +
        `come again: sequences ${named}${more} of stream "${stream}". Set deadLetter to keep such messages.`,
    );
  }

  private async keep(message: JetStreamMessage, deadLetters: DeadLetterSink): Promise<void> {
    const { policy } = this;
    const reason = DeadLetterReason.NeverSettled;
    try {
      const stored = await deadLetters.publish(message, policy, reason, new Error('unfinished at shutdown'));
      if (!message.settled) settleKept(message, stored, reason);
    } catch (error) {
      this.logger.error(`No dead letter yet for ${messageName(message, policy)}: ${errorText(error)}`);
    }
  }

  private isLast(message: JetStreamMessage): boolean {
    const { maxDeliver } = this.policy.retry;
    return maxDeliver !== Infinity && message.metadata.deliveryCount >= maxDeliver;
  }
}
