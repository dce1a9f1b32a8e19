import { DeadLetterReason } from '../consuming/index.js';
import type {
  CallResult,
  ObservedCall,
  ObservedOperation,
  OperationInstrument,
} from '../instruments/index.js';
import type { Family, Labels, Sample } from './family.js';
import { Histogram } from './histogram.js';

/** The reasons of dead letters that are labels. Handlers choose others freely, so those are one label. */
const REASONS: readonly string[] = [...Object.values(DeadLetterReason), 'requested'];
const REQUESTED = REASONS.length - 1;
const MILLISECONDS = 1_000;

/** The operations of one kind, in typed arrays. */
class OperationCounters implements OperationInstrument {
  /** Succeeded, failed, and the messages of those that succeeded. */
  readonly counts = new Float64Array(3);
  readonly durations: Histogram;

  constructor(
    readonly labels: Labels,
    bounds: readonly number[],
    /** The dead letters of a connection by reason; `undefined` for other operations. */
    private readonly letters: Float64Array | undefined,
  ) {
    this.durations = new Histogram(bounds);
  }

  ended({ reason = '' }: ObservedCall, { duration, error, count }: CallResult): void {
    this.durations.observe(duration / MILLISECONDS);
    if (error !== undefined) {
      this.counts[1]++;
      return;
    }
    this.counts[0]++;
    this.counts[2] += count;
    if (this.letters === undefined) return;
    const index = REASONS.indexOf(reason);
    this.letters[index < 0 ? REQUESTED : index]++;
  }
}

/** The operations of an application: publishing, requests, Key-Value, Object Store, dead letters. */
export class OperationMetrics {
  private readonly operations = new Map<string, OperationCounters>();
  /** The dead letters of each connection, by reason. */
  private readonly letters = new Map<string, Float64Array>();

  constructor(private readonly bounds: readonly number[]) {}

  /** The counters of a kind of operations. They are asked for several times, and are the same ones each time. */
  of({ kind, connection, source = '' }: ObservedOperation): OperationInstrument {
    const key = `${kind}\n${connection}\n${source}`;
    const known = this.operations.get(key);
    if (known !== undefined) return known;
    const letters = kind === 'dead-letter' ? this.lettersOf(connection) : undefined;
    const counters = new OperationCounters({ connection, kind, source }, this.bounds, letters);
    this.operations.set(key, counters);
    return counters;
  }

  families(prefix: string): Family[] {
    const each = (read: (counters: OperationCounters) => readonly Sample[]): Sample[] =>
      [...this.operations.values()].flatMap(read);
    const durations = `${prefix}operation_duration_seconds`;
    return [
      {
        name: `${prefix}operations_total`,
        help: 'Publishes, requests, and operations of Key-Value, Object Store and dead letters, by result.',
        type: 'counter',
        read: () =>
          each(({ labels, counts }) => [
            { labels: { ...labels, result: 'succeeded' }, value: counts[0] },
            { labels: { ...labels, result: 'failed' }, value: counts[1] },
          ]),
        reset: () => this.clear((counts) => counts.fill(0, 0, 2)),
      },
      {
        name: `${prefix}operation_messages_total`,
        help: 'Messages of operations that succeeded. A batch and an ingest have several.',
        type: 'counter',
        read: () => each(({ labels, counts }) => [{ labels, value: counts[2] }]),
        reset: () => this.clear((counts) => counts.fill(0, 2)),
      },
      {
        name: durations,
        help: 'Duration of operations, in seconds.',
        type: 'histogram',
        read: () => each(({ labels, durations: histogram }) => histogram.samples(durations, labels)),
        reset: () => {
          for (const counters of this.operations.values()) counters.durations.reset();
        },
      },
      {
        name: `${prefix}dead_letters_total`,
        help: 'Stored dead letters, by reason.',
        type: 'counter',
        read: () =>
          [...this.letters].flatMap(([connection, counts]) =>
            REASONS.map((reason, i) => ({ labels: { connection, reason }, value: counts[i] })),
          ),
        reset: () => {
          for (const counts of this.letters.values()) counts.fill(0);
        },
      },
    ];
  }

  private clear(zero: (counts: Float64Array) => void): void {
    for (const { counts } of this.operations.values()) zero(counts);
  }

  private lettersOf(connection: string): Float64Array {
    let counts = this.letters.get(connection);
    if (counts === undefined) this.letters.set(connection, (counts = new Float64Array(REASONS.length)));
    return counts;
  }
}
