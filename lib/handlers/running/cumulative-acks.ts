import type { AnswerOutlet, JetStreamMessage } from '../../jetstream/index.js';

/** What the server says of a consumer with `ackPolicy: 'all'`. */
export interface ConsumerPosition {
  /** How many messages are delivered and not acknowledged. */
  readonly ackPending: number;
  /** The consumer sequence of the last delivery. */
  readonly delivered: number;
  /** Up to which stream sequence nothing is pending. */
  readonly floor: number;
}

/** A message that was delivered and is not covered by an acknowledgement yet. */
interface Entry {
  readonly message: JetStreamMessage;
  readonly consumerSequence: number;
  /** `held`: buffered or with the handler; `done`: may be covered; `awaited`: given back, and to be delivered again. */
  state: 'held' | 'done' | 'awaited';
  /** The tick in which it was given back. */
  awaitedSince: number;
}

/** In how many ticks a message that was given back is looked for, in case that it never comes again. */
const OVERDUE_TICKS = 8;

/**
 * Acknowledges the messages of a consumer with `ackPolicy: 'all'`, where one acknowledgement covers all messages before it
 * in the stream: never one that is unsettled.
 *
 * - A message that failed and was given back holds back the acknowledgements of later ones until it came again.
 * - A gap in the consumer's sequence is a delivery that was lost on its way. What came after it is acknowledged once the
 *   server has delivered the lost messages again: when it has no message pending that is unknown here.
 * - The same holds at the start, for messages that were delivered to a process that died.
 *
 * Meanwhile, what was handled is kept alive, so that it is not delivered again.
 */
export class CumulativeAcks implements AnswerOutlet {
  /** By stream sequence. */
  private readonly entries = new Map<number, Entry>();
  private lastConsumerSequence = 0;
  /** The highest stream sequence that came. */
  private highest = 0;
  /** Up to which stream sequence nothing can be missing. */
  private safe = Infinity;
  /** The consumer sequence after the last gap. */
  private lastGap = 0;
  /** The consumer sequence of the last acknowledgement: the server ignores one that is not higher. */
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
    const { consumerSequence, streamSequence } = message.metadata;
    // The consumer was created again: nothing of what the former one delivered is pending.
    if (consumerSequence <= this.lastConsumerSequence) this.reset();
    if (consumerSequence !== this.lastConsumerSequence + 1) {
      this.safe = Math.min(this.safe, this.highest);
      this.lastGap = consumerSequence;
    }
    this.lastConsumerSequence = consumerSequence;
    this.highest = Math.max(this.highest, streamSequence);
    this.entries.set(streamSequence, { message, consumerSequence, state: 'held', awaitedSince: 0 });
    message.outlet = this;
  }

  answer(message: JetStreamMessage, answer: string): void {
    if (answer === '+WPI') return message.post(answer);
    if (answer.startsWith('-NAK')) return this.giveBack(message, answer);
    this.done(message);
    void this.flush();
  }

  confirm(message: JetStreamMessage, options: { readonly timeout?: number }): Promise<void> {
    this.done(message);
    this.confirmation = options;
    return this.flush();
  }

  /**
   * The handler itself acknowledged messages of its batch: each acknowledgement is meant for all of the batch before it,
   * except for those that it gave back.
   */
  cover(batch: readonly JetStreamMessage[]): void {
    const covering = batch.findLastIndex((message) => this.entryOf(message)?.state === 'done');
    for (const message of batch.slice(0, Math.max(0, covering))) {
      if (!message.settled) message.ack();
    }
  }

  /** Keeps alive what was handled and cannot be acknowledged yet, and looks whether it can be now. */
  tick(isOld: (message: JetStreamMessage) => boolean): void {
    this.ticks++;
    let blocked = false;
    for (const { message, state } of this.entries.values()) {
      if (state !== 'done') continue;
      blocked = true;
      if (isOld(message)) message.post('+WPI');
    }
    if (blocked && (this.safe !== Infinity || this.overdue().length > 0)) void this.verify();
    else if (blocked) void this.flush();
  }

  private reset(): void {
    this.entries.clear();
    this.lastConsumerSequence = 0;
    this.highest = 0;
    this.lastGap = 0;
    this.safe = Infinity;
    this.acknowledged = 0;
  }

  private entryOf(message: JetStreamMessage): Entry | undefined {
    return this.entries.get(message.metadata.streamSequence);
  }

  private done(message: JetStreamMessage): void {
    const entry = this.entryOf(message);
    if (entry) entry.state = 'done';
  }

  private giveBack(message: JetStreamMessage, answer: string): void {
    const entry = this.entryOf(message);
    // A later delivery of the message is here already.
    if (entry && entry.message !== message) return;
    message.post(answer);
    if (!entry) return;
    entry.state = 'awaited';
    entry.awaitedSince = this.ticks;
  }

  /** Acknowledges what may be, once for all that is settled in this turn. */
  private flush(): Promise<void> {
    this.flushing ??= Promise.resolve().then(() => {
      this.flushing = undefined;
      return this.acknowledge();
    });
    return this.flushing;
  }

  private async acknowledge(): Promise<void> {
    const { confirmation } = this;
    this.confirmation = undefined;
    if (this.safe !== Infinity) void this.verify();
    const covered = this.coverable();
    const last = covered.at(-1);
    if (!last) return;
    const highest = Math.max(...covered.map(({ consumerSequence }) => consumerSequence));
    const sequence = Math.max(highest, Math.min(this.acknowledged + 1, this.lastConsumerSequence));
    // The server would ignore it: the next delivery makes a higher one possible.
    if (sequence <= this.acknowledged) return;
    this.acknowledged = sequence;
    for (const { message } of covered) this.entries.delete(message.metadata.streamSequence);
    const reply = withConsumerSequence(last.message.reply, sequence);
    if (confirmation) await last.message.requestAck(reply, confirmation);
    else last.message.post('+ACK', reply);
  }

  /** What one acknowledgement may cover, in the order of the stream. */
  private coverable(): Entry[] {
    const sorted = [...this.entries].toSorted(([a], [b]) => a - b);
    const end = sorted.findIndex(([sequence, { state }]) => state !== 'done' || sequence > this.safe);
    return sorted.slice(0, end < 0 ? sorted.length : end).map(([, entry]) => entry);
  }

  private overdue(): Entry[] {
    return [...this.entries.values()].filter(
      ({ state, awaitedSince }) => state === 'awaited' && this.ticks - awaitedSince >= OVERDUE_TICKS,
    );
  }

  /** Asks the server whether it has messages pending that are unknown here. */
  private async verify(): Promise<void> {
    if (this.inspecting) return;
    this.inspecting = true;
    try {
      const { ackPending, delivered, floor } = await this.inspect();
      // What is not pending any more, though it was not acknowledged: deleted, or without deliveries left.
      for (const sequence of this.entries.keys()) if (sequence <= floor) this.entries.delete(sequence);
      const known = [...this.entries.values()].filter(
        ({ consumerSequence }) => consumerSequence <= delivered,
      );
      const overdue = this.overdue();
      // None of those that were given back long ago is pending any more.
      const gone = overdue.length > 0 && ackPending === known.length - overdue.length;
      if (gone) for (const { message } of overdue) this.entries.delete(message.metadata.streamSequence);
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

/** An acknowledgement subject with another consumer sequence. */
function withConsumerSequence(reply: string, sequence: number): string {
  const tokens = reply.split('.');
  tokens[tokens.length === 9 ? 6 : 8] = String(sequence);
  return tokens.join('.');
}
