import { BoardJobNotFoundError, RevisionMismatchError } from '../../../errors/index.js';
import { errorText, isInstance } from '../../../reporting/index.js';
import { CommandQueue, Deadline, Interval, retry, within } from '../../../timing/index.js';
import type { DeadLetterRow } from '../../model/index.js';
import { JobProgress } from './job-progress.js';
import type { JobStore } from './job-store.js';
import { type JobTools, work } from './job-work.js';
import type { Slots } from './slots.js';
import type { StoredJob } from './stored-job.js';

/** How often progress is stored, in milliseconds. */
const SAVE_EVERY = 500;
/** How often a job without progress is stored, so that others know that its instance lives, in milliseconds. */
const BEAT_EVERY = 4_000;
/** A run that could not be stored for so long ends, before another instance may take the job, in milliseconds. */
const LOST_AFTER = 10_000;
/** How long the end of a run is stored again if that fails, and the waits between, in milliseconds. */
const LAST_SAVE = { first: 100, longest: 1_000 };
const LAST_SAVE_FOR = 5_000;
/** How long a stop waits for what has begun, in milliseconds: a handler may never end. */
const STOP_WAIT = 5_000;

/** Why a run ends before its work is done. */
type End = 'stopped' | 'interrupted' | 'taken';

/** The parts of a run. */
export interface JobRunParts {
  readonly store: JobStore;
  readonly tools: JobTools;
  readonly slots: Slots;
  /** Called after each stored change. */
  readonly onChange: () => void;
}

/** One run of a job in this process. Its progress is stored; the run ends if another one has taken the job. */
export class JobRun {
  /** Resolves at the end. Never rejects. */
  readonly finished: Promise<void>;
  private readonly progress: JobProgress;
  private readonly saves = new CommandQueue();
  private readonly controller = new AbortController();
  private end: End | undefined;
  /** Whether the end is stored, although something that has begun may not have ended. */
  private isOver = false;
  private isSaving = false;
  private savedAt = performance.now();
  private savedText = '';
  /** How many results of a search are stored; an earlier run has stored its own elsewhere. */
  private foundSaved = 0;

  /**
   * @param job as it was stored with `revision`
   * @param found the results of earlier runs of a search
   */
  constructor(
    private readonly job: StoredJob,
    private revision: number,
    found: readonly DeadLetterRow[],
    private readonly parts: JobRunParts,
  ) {
    this.progress = new JobProgress(job, found);
    this.finished = this.run();
  }

  /** Ends the work, and stores its progress. Takes up to 5 s, if a handler does not end. */
  async stop(as: 'stopped' | 'interrupted'): Promise<void> {
    this.endAs(as);
    if (await within(STOP_WAIT, this.finished)) return;
    this.isOver = true;
    await this.saves.run(() => this.saveEnd({ state: as }));
  }

  private async run(): Promise<void> {
    const { signal } = this.controller;
    const { slots, tools } = this.parts;
    const interval = new Interval(SAVE_EVERY, () => this.tick(), { keepsAlive: false });
    let result: Partial<StoredJob> = { state: 'done' };
    try {
      await slots.within(signal, () => work(this.job, this.progress, tools, signal));
    } catch (error) {
      if (!signal.aborted) result = { state: 'failed', lastError: errorText(error) };
    } finally {
      interval.cancel();
    }
    const { end, isOver } = this;
    if (end === 'taken' || isOver) return;
    if (end !== undefined) result = { state: end };
    await this.saves.run(() => this.saveEnd(result));
  }

  private endAs(end: End): void {
    this.end ??= end;
    this.controller.abort(new Error(`the job is ${end}`));
  }

  /** Stores progress, unless that is going on. */
  private tick(): void {
    if (this.controller.signal.aborted) return;
    if (performance.now() - this.savedAt > LOST_AFTER) this.endAs('interrupted');
    else if (!this.isSaving) void this.saves.run(() => this.saveProgress());
  }

  private async saveProgress(): Promise<void> {
    if (this.controller.signal.aborted) return;
    const isChanged = JSON.stringify(this.progress.current) !== this.savedText;
    if (!isChanged && performance.now() - this.savedAt < BEAT_EVERY) return;
    this.isSaving = true;
    try {
      await this.save({});
    } catch (error) {
      // Without an answer of the server, the next progress is stored, or the run ends.
      if (isInstance(error, BoardJobNotFoundError)) this.endAs('taken');
    } finally {
      this.isSaving = false;
      this.parts.onChange();
    }
  }

  /** Stores the result of a run, several times if the server does not answer. Never rejects. */
  private async saveEnd(result: Partial<StoredJob>): Promise<void> {
    const ended = { ...result, endedAt: new Date().toISOString() };
    try {
      await retry(() => this.save(ended), {
        ...LAST_SAVE,
        deadline: new Deadline(LAST_SAVE_FOR),
        retryable: (error) => !isInstance(error, BoardJobNotFoundError),
      });
    } catch {
      // The job is stored as running, and counts as interrupted in some seconds. Another instance can continue it.
    }
    this.parts.onChange();
  }

  /** Stores the results of a search first, so that the position is never beyond them. */
  private async save(result: Partial<StoredJob>): Promise<void> {
    const { current, found } = this.progress;
    const { id, run } = this.job;
    const count = found.length;
    if (count > 0 && count !== this.foundSaved) {
      await this.parts.store.saveFound(id, run, found.slice(0, count));
      this.foundSaved = count;
    }
    const job = { ...current, ...result, ...(count > 0 && { foundBy: run }) };
    try {
      this.revision = await this.parts.store.save(job, this.revision);
    } catch (error) {
      if (!isInstance(error, RevisionMismatchError)) throw error;
      if (!(await this.isOurs())) return;
      this.revision = await this.parts.store.save(job, this.revision);
    }
    this.savedAt = performance.now();
    this.savedText = JSON.stringify(current);
  }

  /** Reads a job that someone else has stored: they want it to stop, have taken it, or have removed it. */
  private async isOurs(): Promise<boolean> {
    const { job, revision } = await this.parts.store.get(this.job.id);
    if (job.run !== this.job.run) {
      this.endAs('taken');
      return false;
    }
    this.revision = revision;
    if (job.isStopWanted === true) this.endAs('stopped');
    return true;
  }
}
