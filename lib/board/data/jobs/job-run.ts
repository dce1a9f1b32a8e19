import { BoardJobNotFoundError, RevisionMismatchError } from '../../../errors/index.js';
import { errorText, isInstance } from '../../../reporting/index.js';
import { CommandQueue, Interval } from '../../../timing/index.js';
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
/** How often the results of a search are stored, in milliseconds. */
const FOUND_EVERY = 2_000;

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
  private savedAt = 0;
  private foundSavedAt = 0;
  private foundSaved: number;
  private savedText = '';

  /**
   * @param job as it was stored with `revision`
   * @param found what an earlier run of a search has found
   */
  constructor(
    private readonly job: StoredJob,
    private revision: number,
    found: readonly DeadLetterRow[],
    private readonly parts: JobRunParts,
  ) {
    this.progress = new JobProgress(job, found);
    this.foundSaved = found.length;
    this.finished = this.run();
  }

  /** Ends the work, and stores how far it got. */
  async stop(as: 'stopped' | 'interrupted'): Promise<void> {
    this.endAs(as);
    await this.finished;
  }

  private async run(): Promise<void> {
    const { signal } = this.controller;
    const { slots, tools } = this.parts;
    const interval = new Interval(SAVE_EVERY, () => void this.saves.run(() => this.saveProgress()), {
      keepsAlive: false,
    });
    let result: Partial<StoredJob> = { state: 'done' };
    try {
      await slots.within(signal, () => work(this.job, this.progress, tools, signal));
    } catch (error) {
      if (!signal.aborted) result = { state: 'failed', lastError: errorText(error) };
    } finally {
      interval.cancel();
    }
    const { end } = this;
    if (end === 'taken') return;
    if (end !== undefined) result = { state: end };
    await this.saves.run(() => this.saveResult({ ...result, endedAt: new Date().toISOString() }));
  }

  private endAs(end: End): void {
    this.end ??= end;
    this.controller.abort(new Error(`the job is ${end}`));
  }

  private async saveProgress(): Promise<void> {
    if (this.controller.signal.aborted) return;
    const { current } = this.progress;
    const isChanged = JSON.stringify(current) !== this.savedText;
    if (!isChanged && performance.now() - this.savedAt < BEAT_EVERY) return;
    if (performance.now() - this.foundSavedAt >= FOUND_EVERY) await this.saveFound();
    await this.save(current);
  }

  private async saveResult(result: Partial<StoredJob>): Promise<void> {
    await this.saveFound();
    await this.save({ ...this.progress.current, ...result });
  }

  private async saveFound(): Promise<void> {
    const { found } = this.progress;
    if (found.length === this.foundSaved) return;
    try {
      await this.parts.store.saveFound(this.job.id, found);
      this.foundSaved = found.length;
      this.foundSavedAt = performance.now();
    } catch {
      // It is stored with the next progress; without a connection, nothing can be stored.
    }
  }

  private async save(job: StoredJob): Promise<void> {
    try {
      this.revision = await this.parts.store.save(job, this.revision);
      this.savedAt = performance.now();
      this.savedText = JSON.stringify(this.progress.current);
    } catch (error) {
      if (isInstance(error, BoardJobNotFoundError)) this.endAs('taken');
      else if (isInstance(error, RevisionMismatchError)) await this.readAgain(job);
      // Otherwise the server cannot be reached: the next progress is stored, or another instance takes the job.
    }
    this.parts.onChange();
  }

  /** Someone else has stored the job: they want it to stop, have taken it, or have removed it. */
  private async readAgain(job: StoredJob): Promise<void> {
    try {
      const stored = await this.parts.store.get(this.job.id);
      if (stored.job.run !== this.job.run) return this.endAs('taken');
      ({ revision: this.revision } = stored);
      if (stored.job.isStopWanted === true) this.endAs('stopped');
      this.revision = await this.parts.store.save(job, this.revision);
    } catch (error) {
      if (isInstance(error, BoardJobNotFoundError)) this.endAs('taken');
    }
  }
}
