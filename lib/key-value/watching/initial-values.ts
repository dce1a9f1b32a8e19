import type { Bucket } from '../bucket.js';
import { lastRevision } from '../last-revision.js';

/** Up to that many keys are told apart by name; more are followed by revision. */
const MOST_KEYS = 100_000;
/** How long the leader is waited for, in milliseconds: without an answer the count has to do. */
const LONGEST_LOOK = 1_000;
/** How often the end of the bucket is looked for that a busy bucket moves on, if it has too many keys to tell apart. */
const MOST_LAPS = 5;

/** Where a server stands that delivers a bucket. */
export interface DeliveryProgress {
  /** The revision that was delivered last. */
  readonly revision: number;
  /** How many changes there were to be delivered after it. */
  readonly pending: number;
}

/**
 * Finds the end of the initial values: the moment from which on every key was delivered that had a value all along.
 *
 * Counting is not enough while the keys are being updated. A value that is replaced before its turn is not sent; the one
 * that replaces it comes later, behind updates of keys that were sent already, which make the count full too early. What
 * the server says is pending is no help: it takes off what was replaced before it adds the replacement. So the leader is
 * asked whether the bucket goes on after what was delivered, and if it does, the keys that exist are compared with those
 * that were delivered.
 */
export class InitialValues {
  private expected = 0;
  private received = 0;
  /** The revision that was delivered last. */
  private reached = 0;
  /** The keys that were delivered; `undefined` if they are not told apart. */
  private seen: Set<string> | undefined;
  /** The keys that must still be delivered, once that is known. */
  private missing: Set<string> | undefined;
  /** The revision that must be reached, if keys are not told apart. */
  private until: number | undefined;
  private laps = 0;
  private looking = false;
  private ended = false;

  /**
   * @param onEnd called once, when the end is found by a look at the bucket and not by a delivery; with the revision that
   * was delivered last
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

  /** Whether the next change belongs to what the bucket held, as far as the count tells. */
  get isInitial(): boolean {
    return this.received < this.expected;
  }

  /** The server has made a consumer that has so many changes to deliver. */
  started(pending: number): void {
    this.expected = this.received + pending;
    // Even none may be wrong, if the only key is being replaced at this moment.
    if (pending === 0) this.look();
  }

  /** A change was delivered. @returns whether it is the end */
  delivered(key: string, progress: DeliveryProgress): boolean {
    this.received++;
    this.reached = progress.revision;
    this.note(key);
    if (this.missing?.size === 0) return true;
    return (progress.pending === 0 || this.received >= this.expected) && this.look();
  }

  /** Nothing is looked for any more. */
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

  /** Looks at the bucket unless that is known to be of no use yet. @returns whether the end need not be looked for any more */
  private look(): boolean {
    if (this.missing || this.looking || (this.until !== undefined && this.reached < this.until)) return false;
    if (++this.laps > MOST_LAPS) return true;
    this.looking = true;
    void this.findEnd(this.reached);
    return false;
  }

  /** Never rejects: without an answer the count has to do. */
  private async findEnd(reached: number): Promise<void> {
    let found = true;
    try {
      found = await this.isEnd(reached);
    } catch {
      // A client may not be permitted to ask.
    }
    this.looking = false;
    if (found && !this.ended) this.onEnd(this.reached);
  }

  /** @param reached what was delivered before the leader is asked: a key that is replaced later moves on again */
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

  /** The keys that have a value or the mark of a removal; `undefined` if there are too many. */
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
