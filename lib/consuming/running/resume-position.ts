import type { JetStreamMessage } from '../../jetstream/index.js';

/** The number of tracked messages at which settled ones are removed. */
const SWEEP_AT = 1_024;

/**
 * Remembers the position at which a consumer has to continue if the server removes it with its state: the lowest
 * unsettled sequence. This applies to consumers without a name, because only this process knows their position.
 */
export class ResumePosition {
  private readonly open = new Map<number, JetStreamMessage>();
  private sweepAt = SWEEP_AT;
  private start: number | undefined;
  private last = 0;

  constructor(
    /** Whether messages are acknowledged. Without acknowledgements, a message counts as settled when it arrives. */
    private readonly acknowledged: boolean,
    /** Whether an acknowledgement covers all messages before it. */
    private readonly cumulative: boolean,
  ) {}

  /** The highest sequence that arrived from the current stream; 0 if none did. */
  get reached(): number {
    return this.last;
  }

  /** The sequence after which to continue; `undefined` if only the configuration determines the start. */
  get after(): number | undefined {
    this.sweep();
    const [lowest] = this.open.size > 0 ? [Math.min(...this.open.keys())] : [];
    if (lowest !== undefined) return lowest - 1;
    return this.last > 0 ? Math.max(this.last, this.start ?? 0) : this.start;
  }

  /** Called when a consumer was created that starts after this sequence. */
  startAt(after: number | undefined): void {
    this.start = after;
  }

  /** Called when the stream was replaced: positions in the former stream are no longer valid. */
  forget(): void {
    this.open.clear();
    this.last = 0;
    this.start = undefined;
  }

  /** Called when a message arrives. */
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
    // Twice the number of open messages, so that each message is checked only a few times.
    this.sweepAt = Math.max(SWEEP_AT, 2 * this.open.size);
  }
}
