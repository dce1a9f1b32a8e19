import { StreamNotFoundError } from '../../errors/index.js';
import type { JetStreamApi } from '../api/index.js';
import { lastSequence } from './last-sequence.js';

/** Up to this number of subjects are tracked by name; more are tracked by sequence. */
const MOST_SUBJECTS = 100_000;
/** How long to wait for the leader, in milliseconds. */
const LONGEST_LOOK = 1_000;
/** After this number of questions without an answer, the count is used. */
const MOST_UNANSWERED = 5;
/** How often the end of a changing stream is determined, if it has too many subjects to track by name. */
const MOST_LAPS = 5;

/** The progress of the server that delivers. */
export interface DeliveryProgress {
  /** The sequence that was delivered last. */
  readonly sequence: number;
  /** The number of changes to be delivered after it. */
  readonly pending: number;
}

/** The messages that are delivered. */
export interface DeliveredSource {
  readonly api: JetStreamApi;
  readonly stream: string;
  /** The filters for their subjects. */
  readonly subjects: readonly string[];
}

/**
 * Detects the end of the initial delivery: the moment when every subject that had a message all along was delivered.
 *
 * Counting is not sufficient while messages are being replaced. A message that is replaced before it is sent is
 * skipped; its replacement arrives later, after updates of subjects that were already sent, so that the count is
 * reached too early. The pending count of the server does not help: the server subtracts a replaced message before it
 * adds the replacement. Therefore the leader is asked whether the stream has messages after the last delivered one, and
 * if so, the existing subjects are compared with the delivered ones. Without an answer, nothing is known, in particular
 * if the process was busy for so long that the answer is late: the next delivery asks again, and the heartbeat that
 * reports that the server has nothing more to deliver is an end too. A client that may not ask, or whose questions are
 * never answered, relies on the count.
 */
export class InitialDelivery {
  private expected = 0;
  private received = 0;
  /** The sequence that was delivered last. */
  private reached = 0;
  /** The delivered subjects; `undefined` if they are not tracked by name. */
  private seen: Set<string> | undefined;
  /** The subjects that must still be delivered, once they are known. */
  private missing: Set<string> | undefined;
  /** The sequence that must be reached, if subjects are not tracked by name. */
  private until: number | undefined;
  private laps = 0;
  private looking = false;
  private mayAsk = true;
  private unanswered = 0;
  private ended = false;

  /**
   * @param onEnd called once, when the end is detected by reading the stream and not by a delivery; with the sequence
   * that was delivered last
   */
  constructor(
    private readonly source: DeliveredSource,
    /** Whether every subject is delivered, and not only those that changed since a sequence. */
    allSubjects: boolean,
    private readonly onEnd: (sequence: number) => void,
  ) {
    if (allSubjects) this.seen = new Set();
  }

  /** Whether the next message belongs to the initial delivery, according to the count. */
  get isInitial(): boolean {
    return this.received < this.expected;
  }

  /** Called when the server has created a consumer with this number of messages to deliver. */
  started(pending: number): void {
    this.expected = this.received + pending;
    // Even zero may be wrong, if the only message is being replaced at this moment.
    if (pending === 0) this.look();
  }

  /** Called when a message was delivered. @returns whether it is the end */
  delivered(subject: string, progress: DeliveryProgress): boolean {
    this.received++;
    this.reached = progress.sequence;
    this.note(subject);
    if (this.missing?.size === 0) return true;
    return (progress.pending === 0 || this.received >= this.expected) && this.look();
  }

  /** Stops the detection. */
  stop(): void {
    this.ended = true;
    this.seen = undefined;
    this.missing = undefined;
  }

  private note(subject: string): void {
    this.missing?.delete(subject);
    if (this.seen === undefined) return;
    this.seen.add(subject);
    if (this.seen.size > MOST_SUBJECTS) this.seen = undefined;
  }

  /** Checks the stream, unless a check is known to be premature. @returns whether the detection is complete */
  private look(): boolean {
    if (!this.mayAsk) return this.received >= this.expected;
    if (this.missing || this.looking || (this.until !== undefined && this.reached < this.until)) return false;
    if (this.laps > MOST_LAPS) return true;
    this.looking = true;
    void this.findEnd(this.reached);
    return false;
  }

  private async findEnd(reached: number): Promise<void> {
    const found = await this.isEnd(reached).catch((error: unknown) => {
      this.mayAsk = ++this.unanswered < MOST_UNANSWERED;
      // Nothing more of a deleted stream will be delivered.
      return error instanceof StreamNotFoundError;
    });
    this.looking = false;
    if (found && !this.ended) this.onEnd(this.reached);
  }

  /**
   * @param reached the last delivered sequence before the leader is asked: a message that is replaced later moves on again
   * @throws the errors of the questions to the leader
   */
  private async isEnd(reached: number): Promise<boolean> {
    const { api, stream, subjects } = this.source;
    const last = await lastSequence(api, stream, subjects, { timeout: LONGEST_LOOK });
    if (last === undefined) {
      this.mayAsk = false;
      return this.received >= this.expected;
    }
    if (last <= reached && (last > 0 || this.received === 0)) return true;
    const existing = this.seen && (await this.existingSubjects());
    if (this.ended) return false;
    const { seen } = this;
    if (existing === undefined || seen === undefined) {
      if (last === 0) return true;
      this.until = last;
      this.laps++;
      return false;
    }
    this.missing = new Set(existing.filter((subject) => !seen.has(subject)));
    return this.missing.size === 0;
  }

  /** The subjects that have messages; `undefined` if there are too many. */
  private async existingSubjects(): Promise<string[] | undefined> {
    const { api, stream, subjects: filters } = this.source;
    const existing: string[] = [];
    for (const filter of filters) {
      const { state, total = 0 } = await api.call<SubjectsPage>(
        `STREAM.INFO.${stream}`,
        { subjects_filter: filter },
        { stream, timeout: LONGEST_LOOK },
      );
      const subjects = Object.keys(state.subjects ?? {});
      if (total > subjects.length) return undefined;
      for (const subject of subjects) existing.push(subject);
    }
    return existing;
  }
}

interface SubjectsPage {
  readonly total?: number;
  readonly state: { readonly subjects?: Readonly<Record<string, number>> | null };
}
