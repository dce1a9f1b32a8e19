import type { Bucket } from '../bucket.js';
import { lastRevision } from '../last-revision.js';

/** Up to this number of keys are tracked by name; more keys are tracked by revision. */
const MOST_KEYS = 100_000;
/** How long to wait for the leader, in milliseconds; without a response, the count is used. */
const LONGEST_LOOK = 1_000;
/** How often the end of a changing bucket is determined, if it has too many keys to track by name. */
const MOST_LAPS = 5;

/** The progress of a server that delivers a bucket. */
export interface DeliveryProgress {
  /** The revision that was delivered last. */
  readonly revision: number;
  /** The number of changes to be delivered after it. */
  readonly pending: number;
}

/**
 * Detects the end of the initial values: the moment when every key that had a value all along was delivered.
 *
 * Counting is not sufficient while keys are being updated. A value that is replaced before it is sent is skipped; its
 * replacement arrives later, after updates of keys that were already sent, so that the count is reached too early. The
 * pending count of the server does not help: the server subtracts a replaced value before it adds the replacement.
 * Therefore the leader is asked whether the bucket has changes after the last delivered one, and if so, the existing
 * keys are compared with the delivered keys.
 */
export class InitialValues {
  private expected = 0;
  private received = 0;
  /** The revision that was delivered last. */
  private reached = 0;
  /** The delivered keys; `undefined` if keys are not tracked by name. */
  private seen: Set<string> | undefined;
  /** The keys that must still be delivered, once they are known. */
  private missing: Set<string> | undefined;
  /** The revision that must be reached, if keys are not tracked by name. */
  private until: number | undefined;
  private laps = 0;
  private looking = false;
  private ended = false;

  /**
   * @param onEnd called once, when the end is detected by reading the bucket and not by a delivery; with the revision
   * that was delivered last
   */
  constructor(
    private readonly bucket: Bucket<unknown>,
    private readonly filters: readonly string[],
    /** Whether every key is delivered, and not only those that changed since a revision. */
    allKeys: boolean,
    private readonly onEnd: (revision: number) => void,
  ) {
    if (allKeys) this.seen = new Set();
  }

  /** Whether the next change belongs to the initial values, according to the count. */
  get isInitial(): boolean {
    return this.received < this.expected;
  }

  /** Called when the server has created a consumer with this number of changes to deliver. */
  started(pending: number): void {
    this.expected = this.received + pending;
    // Even zero may be wrong, if the only key is being replaced at this moment.
    if (pending === 0) this.look();
  }

  /** Called when a change was delivered. @returns whether it is the end */
  delivered(key: string, progress: DeliveryProgress): boolean {
    this.received++;
    this.reached = progress.revision;
    this.note(key);
    if (this.missing?.size === 0) return true;
    return (progress.pending === 0 || this.received >= this.expected) && this.look();
  }

  /** Stops the detection. */
  stop(): void {
    this.ended = true;
    this.seen = undefined;
    this.missing = undefined;
  }

  private note(key: string): void {
    this.missing?.delete(key);
    if (this.seen === undefined) return;
    this.seen.add(key);
    if (this.seen.size > MOST_KEYS) this.seen = undefined;
  }

  /** Checks the bucket, unless a check is known to be premature. @returns whether the detection is complete */
  private look(): boolean {
    if (this.missing || this.looking || (this.until !== undefined && this.reached < this.until)) return false;
    if (++this.laps > MOST_LAPS) return true;
    this.looking = true;
    void this.findEnd(this.reached);
    return false;
  }

  /** Never rejects: without a response, the count is used. */
  private async findEnd(reached: number): Promise<void> {
    let found = true;
    try {
      found = await this.isEnd(reached);
    } catch {
      // A client may not have the permission to ask.
    }
    this.looking = false;
    if (found && !this.ended) this.onEnd(this.reached);
  }

  /**
   * @param reached the last delivered revision before the leader is asked: a key that is replaced later moves on again
   */
  private async isEnd(reached: number): Promise<boolean> {
    const last = await lastRevision(this.bucket, this.filters, LONGEST_LOOK);
    if (last <= reached) return true;
    const keys = this.seen && (await this.existingKeys());
    if (this.ended) return false;
    const { seen } = this;
    if (keys === undefined || seen === undefined) {
      this.until = last;
      return false;
    }
    this.missing = new Set(keys.filter((key) => !seen.has(key)));
    return this.missing.size === 0;
  }

  /** The keys that have a value or a deletion marker; `undefined` if there are too many. */
  private async existingKeys(): Promise<string[] | undefined> {
    const { jetstream, stream, prefix } = this.bucket;
    const keys: string[] = [];
    for (const filter of this.filters) {
      const { state, total = 0 } = await jetstream.api.call<SubjectsPage>(
        `STREAM.INFO.${stream}`,
        { subjects_filter: prefix + filter },
        { stream, timeout: LONGEST_LOOK },
      );
      const subjects = Object.keys(state.subjects ?? {});
      if (total > subjects.length) return undefined;
      for (const subject of subjects) keys.push(this.bucket.keyOf(subject));
    }
    return keys;
  }
}

interface SubjectsPage {
  readonly total?: number;
  readonly state: { readonly subjects?: Readonly<Record<string, number>> | null };
}
