import { DeliveryPosition, type AnswerOutlet, type JetStreamMessage } from '../../jetstream/index.js';

/** The server's state of a consumer with `ackPolicy: 'all'`. */
export interface ConsumerPosition {
  /** The number of messages that are delivered and not acknowledged. */
  readonly ackPending: number;
  /** The consumer sequence of the last delivery. */
  readonly delivered: number;
  /** The stream sequence up to which no message is pending. */
  readonly floor: number;
}

/**
 * The number of ticks after which a returned message is looked up at the server, in case it is never delivered again.
 */
const OVERDUE_TICKS = 8;

/**
 * Acknowledges the messages of a consumer with `ackPolicy: 'all'`, where one acknowledgement covers all messages before
 * it in the stream. It never covers an unsettled message.
 *
 * - A message that failed and was returned holds back the acknowledgements of later ones until it is delivered again.
 * - A gap in the consumer's sequence is a delivery that was lost in transit. Later messages are acknowledged once the
 *   server has delivered the lost messages again, which is the case when the server has no pending message that is
 *   unknown here.
 * - The same applies at the start, to messages that were delivered to a process that ended.
 *
 * Meanwhile, handled messages are kept in progress, so that they are not delivered again.
 */
export class CumulativeAcks {
  /** In the order of the stream, which is also the order of arrival except for redeliveries. */
  private readonly entries: Entry[] = [];
  private readonly position = new DeliveryPosition();
  private lastConsumerSequence = 0;
  /** The highest stream sequence that has arrived. */
  private highest = 0;
  /** The stream sequence up to which no message can be missing. */
  private safe = Infinity;
  /** The consumer sequence after the last gap. */
  private lastGap = 0;
  /** The consumer sequence of the last acknowledgement. The server ignores acknowledgements that are not higher. */
  private acknowledged = 0;
  private flushing: Promise<void> | undefined;
  private confirmation: { readonly timeout?: number } | undefined;
  private inspecting = false;
  private ticks = 0;

  constructor(
    private readonly inspect: () => Promise<ConsumerPosition>,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** A message arrived. */
  arrived(message: JetStreamMessage): void {
    // Reads only the required fields, because reading all metadata is more expensive than the rest of this method.
    const { consumerSequence, streamSequence } = this.position.read(message.msg)
      ? this.position
      : message.metadata;
    // The consumer was created again, so no delivery of the former one is pending.
    if (consumerSequence <= this.lastConsumerSequence) this.reset();
    if (consumerSequence !== this.lastConsumerSequence + 1) {
      this.safe = Math.min(this.safe, this.highest);
      this.lastGap = consumerSequence;
    }
    this.lastConsumerSequence = consumerSequence;
    const entry = new Entry(this, message, streamSequence, consumerSequence);
    message.outlet = entry;
    if (streamSequence > this.highest) {
      this.highest = streamSequence;
      this.entries.push(entry);
    } else {
      this.insert(entry);
    }
  }

  /**
   * Called when the handler itself acknowledged messages of its batch. Each acknowledgement applies to all earlier
   * messages of the batch, except those that the handler returned.
   */
  cover(batch: readonly JetStreamMessage[]): void {
    const covering = batch.findLastIndex(({ outlet }) => outlet instanceof Entry && outlet.state === 'done');
    for (const message of batch.slice(0, Math.max(0, covering))) {
      if (!message.settled) message.ack();
    }
  }

  /**
   * Keeps handled messages in progress that cannot be acknowledged yet, and checks whether they can be acknowledged
   * now.
   */
  tick(isOld: (message: JetStreamMessage) => boolean): void {
    this.ticks++;
    let blocked = false;
    for (const { message, state } of this.entries) {
      if (state !== 'done') continue;
      blocked = true;
      if (isOld(message)) message.post('+WPI');
    }
    if (blocked && (this.safe !== Infinity || this.overdue().length > 0)) void this.verify();
    else if (blocked) void this.flush();
  }

  /** Acknowledges as far as possible, once for all messages that are settled in the same turn. */
  flush(confirmation?: { readonly timeout?: number }): Promise<void> {
    if (confirmation) this.confirmation = confirmation;
    this.flushing ??= Promise.resolve().then(() => {
      this.flushing = undefined;
      return this.acknowledge();
    });
    return this.flushing;
  }

  /** Marks a returned message as awaited, from now on. */
  await(entry: Entry): void {
    entry.state = 'awaited';
    entry.awaitedSince = this.ticks;
  }

  private reset(): void {
    for (const entry of this.entries) entry.state = 'gone';
    this.entries.length = 0;
    this.lastConsumerSequence = 0;
    this.highest = 0;
    this.lastGap = 0;
    this.safe = Infinity;
    this.acknowledged = 0;
  }

  /** Inserts a redelivered message at its position. */
  private insert(entry: Entry): void {
    const { entries } = this;
    const place = entries.findIndex(({ streamSequence }) => streamSequence >= entry.streamSequence);
    if (place < 0) return void entries.push(entry);
    const isThere = entries[place].streamSequence === entry.streamSequence;
    for (const former of entries.splice(place, isThere ? 1 : 0, entry)) former.state = 'gone';
  }

  private remove(isGone: (entry: Entry) => boolean): void {
    const kept = this.entries.filter((entry) => {
      if (isGone(entry)) entry.state = 'gone';
      return entry.state !== 'gone';
    });
    this.entries.splice(0, this.entries.length, ...kept);
  }

  private async acknowledge(): Promise<void> {
    const { confirmation, entries } = this;
    this.confirmation = undefined;
    if (this.safe !== Infinity) void this.verify();
    // The number of entries that one acknowledgement may cover.
    let count = 0;
    let highest = 0;
    for (const { state, streamSequence, consumerSequence } of entries) {
      if (state !== 'done' || streamSequence > this.safe) break;
      count++;
      if (consumerSequence > highest) highest = consumerSequence;
    }
    if (count === 0) return;
    const sequence = Math.max(highest, Math.min(this.acknowledged + 1, this.lastConsumerSequence));
    // The server would ignore it; the next delivery allows a higher one.
    if (sequence <= this.acknowledged) return;
    this.acknowledged = sequence;
    const { message } = entries[count - 1];
    for (const covered of entries.splice(0, count)) covered.state = 'gone';
    const reply = withConsumerSequence(message.reply, sequence);
    if (confirmation) await message.requestAck(reply, confirmation);
    else message.post('+ACK', reply);
  }

  private overdue(): Entry[] {
    return this.entries.filter(
      ({ state, awaitedSince }) => state === 'awaited' && this.ticks - awaitedSince >= OVERDUE_TICKS,
    );
  }

  /** Checks with the server whether it has pending messages that are unknown here. */
  private async verify(): Promise<void> {
    if (this.inspecting) return;
    this.inspecting = true;
    try {
      const { ackPending, delivered, floor } = await this.inspect();
      // Removes messages that are no longer pending although they were not acknowledged: they were deleted, or have
      // used up their deliveries.
      this.remove(({ streamSequence }) => streamSequence <= floor);
      const known = this.entries.filter(({ consumerSequence }) => consumerSequence <= delivered);
      const overdue = this.overdue();
      // None of the messages that were returned long ago is still pending.
      const gone = overdue.length > 0 && ackPending === known.length - overdue.length;
      if (gone) this.remove((entry) => overdue.includes(entry));
      if (!gone && ackPending !== known.length) return;
      if (delivered >= this.lastGap) this.safe = Infinity;
      void this.flush();
    } catch (error) {
      this.onError(error);
    } finally {
      this.inspecting = false;
    }
  }
}

/** A delivered message until an acknowledgement covers it. The answers of the message pass through this class. */
class Entry implements AnswerOutlet {
  /**
   * - `held`: buffered or with the handler
   * - `done`: may be covered
   * - `awaited`: returned to the server, and expected again
   * - `gone`: acknowledged, delivered again, or not pending any more
   */
  state: 'held' | 'done' | 'awaited' | 'gone' = 'held';
  /** The tick in which the message was returned. */
  awaitedSince = 0;

  constructor(
    private readonly acks: CumulativeAcks,
    readonly message: JetStreamMessage,
    readonly streamSequence: number,
    readonly consumerSequence: number,
  ) {}

  answer(message: JetStreamMessage, answer: string): void {
    if (answer === '+WPI') return message.post(answer);
    if (answer.startsWith('-NAK')) return this.giveBack(answer);
    this.done();
    void this.acks.flush();
  }

  confirm(_: JetStreamMessage, options: { readonly timeout?: number }): Promise<void> {
    this.done();
    return this.acks.flush(options);
  }

  private done(): void {
    if (this.state !== 'gone') this.state = 'done';
  }

  private giveBack(answer: string): void {
    // A later delivery of the message may already have arrived.
    if (this.state === 'gone') return;
    this.message.post(answer);
    this.acks.await(this);
  }
}

/** An acknowledgement subject with another consumer sequence. */
function withConsumerSequence(reply: string, sequence: number): string {
  const tokens = reply.split('.');
  tokens[tokens.length === 9 ? 6 : 8] = String(sequence);
  return tokens.join('.');
}
