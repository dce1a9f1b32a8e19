import type { JetStreamMessage } from '../../jetstream/index.js';

/** How many messages are remembered before those that were settled are forgotten. */
const SWEEP_AT = 1_024;

/**
 * Remembers where a consumer that is removed with its state has to continue: at the lowest sequence that is not settled.
 * A consumer without a name is such a one, since only this process knows how far it has come.
 */
export class ResumePosition {
  private readonly open = new Map<number, JetStreamMessage>();
  private sweepAt = SWEEP_AT;
  private start: number | undefined;
  private last = 0;

  constructor(
    /** Whether messages are acknowledged; without acknowledgements, a message that came counts as settled. */
    private readonly acknowledged: boolean,
    /** Whether an acknowledgement covers all messages before it. */
    private readonly cumulative: boolean,
  ) {}

  /** The highest sequence that came from the present stream; 0 if none did. */
  get reached(): number {
    return this.last;
  }

  /** The sequence after which to continue; `undefined` while only the configuration says where to start. */
  get after(): number | undefined {
    this.sweep();
    const [lowest] = this.open.size > 0 ? [Math.min(...this.open.keys())] : [];
    if (lowest !== undefined) return lowest - 1;
    return this.last > 0 ? Math.max(this.last, this.start ?? 0) : this.start;
  }

  /** A consumer was made that starts after this sequence. */
  startAt(after: number | undefined): void {
    this.start = after;
  }

  /** The stream is another one: what is remembered of the former one means nothing. */
  forget(): void {
    this.open.clear();
    this.last = 0;
    this.start = undefined;
  }

  /** A message came. */
  track(message: JetStreamMessage): void {
    const { streamSequence } = message.metadata;
    if (streamSequence > this.last) this.last = streamSequence;
    if (!this.acknowledged) return;
    this.open.set(streamSequence, message);
    if (this.open.size >= this.sweepAt) this.sweep();
  }

  private sweep(): void {
    let covered = 0;
    for (const [sequence, message] of this.open) {
      if (!message.settled || message.returned) continue;
      this.open.delete(sequence);
      if (sequence > covered) covered = sequence;
    }
    if (this.cumulative)
      for (const sequence of this.open.keys()) if (sequence < covered) this.open.delete(sequence);
    // Twice as many as are really open, so that each message is looked at a few times only.
    this.sweepAt = Math.max(SWEEP_AT, 2 * this.open.size);
  }
}
