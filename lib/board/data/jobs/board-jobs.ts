import { randomBytes, randomUUID } from 'node:crypto';
import {
  BoardJobRunningError,
  InvalidArgumentError,
  RevisionMismatchError,
  TooManyBoardJobsError,
} from '../../../errors/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';
import { isInstance } from '../../../reporting/index.js';
import { Interval, sleep } from '../../../timing/index.js';
import type { DeadLetterRow, JobRow } from '../../model/index.js';
import type { BoardContext } from '../board-context.js';
import { extentOf } from './extent.js';
import { JobRun } from './job-run.js';
import { JobStore } from './job-store.js';
import { Slots } from './slots.js';
import { isRunning, type JobEntry, jobRow, type StoredJob } from './stored-job.js';

/** How many jobs work at the same time in this process. */
const AT_ONCE = 2;
/** How often listeners are called because of jobs of other instances, in milliseconds. */
const LOOK_EVERY = 2_000;
/** How long a stop in another instance is waited for, in milliseconds. */
const STOP_WAIT = 5_000;
const STOP_STEP = 100;
const MOST_JOBS = 100;
/** How many jobs run or wait in this process at most. */
const MOST_RUNS = 20;

/** A job that a person starts. */
export type NewJob = Pick<StoredJob, 'kind' | 'rate' | 'selection' | 'text' | 'to'>;

/** The background jobs of the board: those that run here, and the stored ones. */
export class BoardJobs {
  /** The runs in this process, by connection and id. */
  private readonly runs = new Map<string, JobRun>();
  private readonly slots = new Slots(AT_ONCE);
  private readonly listeners = new Set<() => void>();
  private look: Interval | undefined;
  private isStopped = false;
  private readonly instance: string;

  constructor(private readonly context: BoardContext) {
    this.instance = context.source.service?.id ?? randomBytes(8).toString('hex');
  }

  async list(jetstream: JetStreamService, signal: AbortSignal): Promise<readonly JobRow[]> {
    const entries = await this.storeOf(jetstream).list(signal);
    return entries.slice(0, MOST_JOBS).map((entry) => this.rowOf(entry));
  }

  /** @throws {@link BoardJobNotFoundError} */
  async get(jetstream: JetStreamService, id: string, signal: AbortSignal): Promise<JobRow> {
    const store = this.storeOf(jetstream);
    const entry = await store.get(id, signal);
    return this.rowOf(entry, entry.job.kind === 'search' ? await store.found(entry.job, signal) : undefined);
  }

  /** @param by the person who starts it */
  async start(jetstream: JetStreamService, wanted: NewJob, by: string | undefined): Promise<JobRow> {
    if (this.runs.size >= MOST_RUNS) throw new TooManyBoardJobsError(MOST_RUNS);
    const { kind } = wanted;
    const { created, last, total } = await extentOf(jetstream, wanted.selection);
    const job: StoredJob = {
      ...wanted,
      id: randomUUID(),
      state: 'running',
      until: last,
      position: kind === 'search' ? last + 1 : 0,
      done: 0,
      read: 0,
      failed: 0,
      total,
      startedAt: new Date().toISOString(),
      streamCreated: created,
      isMasked: this.context.payloads.isMasked,
      ...this.newRun(),
      ...(by !== undefined && { by }),
    };
    return this.run(jetstream, {
      job,
      revision: await this.storeOf(jetstream).create(job),
      storedAt: new Date(),
    });
  }

  /**
   * Stops a job, in this or in another instance.
   *
   * @throws {@link BoardJobNotFoundError}
   */
  async stopJob(jetstream: JetStreamService, id: string): Promise<JobRow> {
    const store = this.storeOf(jetstream);
    await this.runs.get(keyOf(jetstream, id))?.stop('stopped');
    let entry = await store.get(id);
    if (entry.job.state === 'running' && !isRunning(entry)) {
      // Its instance is gone, and cannot store the end.
      const job: StoredJob = { ...entry.job, state: 'stopped', run: randomUUID() };
      await ignoreConflict(store.save(job, entry.revision));
      entry = await store.get(id);
    }
    for (let left = STOP_WAIT; isRunning(entry) && left > 0; left -= STOP_STEP) {
      if (entry.job.isStopWanted !== true)
        await ignoreConflict(store.save({ ...entry.job, isStopWanted: true }, entry.revision));
      await sleep(STOP_STEP);
      entry = await store.get(id);
    }
    return this.rowOf(entry);
  }

  /**
   * Goes on with a job that was stopped, interrupted or has failed.
   *
   * @throws {@link BoardJobNotFoundError}, {@link BoardJobRunningError}
   */
  async continueJob(jetstream: JetStreamService, id: string, rate: number | undefined): Promise<JobRow> {
    const store = this.storeOf(jetstream);
    const entry = await store.get(id);
    this.requireIdle(jetstream, entry);
    if (entry.job.isMasked !== this.context.payloads.isMasked) {
      throw new InvalidArgumentError(
        'id',
        'a board with another setting of payloads.mask has started this job: start a new one',
      );
    }
    if (entry.job.state === 'done') return this.rowOf(entry);
    const { endedAt: _, isStopWanted: __, ...former } = entry.job;
    const job: StoredJob = {
      ...former,
      state: 'running',
      ...this.newRun(),
      ...(rate !== undefined && { rate }),
    };
    // Read before the job is stored as running, because a failure would leave it without a run.
    const found = await store.found(entry.job);
    let revision: number;
    try {
      revision = await store.save(job, entry.revision);
    } catch (error) {
      // Another instance was faster.
      if (isInstance(error, RevisionMismatchError)) throw new BoardJobRunningError(id, 'another one');
      throw error;
    }
    return this.run(jetstream, { job, revision, storedAt: new Date() }, found);
  }

  /** Forgets a job that does not run. @throws {@link BoardJobNotFoundError}, {@link BoardJobRunningError} */
  async remove(jetstream: JetStreamService, id: string): Promise<void> {
    const store = this.storeOf(jetstream);
    const entry = await store.get(id);
    this.requireIdle(jetstream, entry);
    await store.remove(entry.job, entry.revision);
    this.changed();
  }

  /** Calls a listener when a job may have changed, here or in another instance. @returns a function that ends this */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    this.look ??= new Interval(LOOK_EVERY, () => this.changed(), { keepsAlive: false });
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.look?.cancel();
      this.look = undefined;
    };
  }

  /** Interrupts the jobs that run here. Other instances can continue them. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.look?.cancel();
    this.listeners.clear();
    await Promise.all([...this.runs.values()].map((run) => run.stop('interrupted')));
  }

  /** A job as the page shows it: without texts that a board without a mask has stored, if this one has a mask. */
  private rowOf(entry: JobEntry, found?: readonly DeadLetterRow[]): JobRow {
    if (entry.job.isMasked || !this.context.payloads.isMasked) return jobRow(entry, found);
    const { lastError: _, ...row } = jobRow(entry);
    return row;
  }

  private newRun(): Pick<StoredJob, 'instance' | 'run'> {
    return { run: randomUUID(), instance: this.instance };
  }

  private async run(
    jetstream: JetStreamService,
    entry: JobEntry,
    found: readonly DeadLetterRow[] = [],
  ): Promise<JobRow> {
    const { job, revision } = entry;
    const key = keyOf(jetstream, job.id);
    const { payloads, source } = this.context;
    const store = this.storeOf(jetstream);
    const tools = { jetstream, payloads, letters: source.deadLetters(jetstream.connection.name) };
    const { slots } = this;
    const run = new JobRun(job, revision, found, { store, tools, slots, onChange: () => this.changed() });
    this.runs.set(key, run);
    void run.finished.then(() => {
      this.runs.delete(key);
      this.changed();
    });
    if (this.isStopped) await run.stop('interrupted');
    this.changed();
    return jobRow(entry);
  }

  private requireIdle(jetstream: JetStreamService, entry: JobEntry): void {
    const { id, instance = 'unknown' } = entry.job;
    if (isRunning(entry) || this.runs.has(keyOf(jetstream, id))) throw new BoardJobRunningError(id, instance);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  private storeOf(jetstream: JetStreamService): JobStore {
    return new JobStore(jetstream, this.context.source.keyValue(jetstream.connection.name));
  }
}

function keyOf({ connection }: JetStreamService, id: string): string {
  return `${connection.name}/${id}`;
}

/** Another instance has stored the job meanwhile; it is read again. */
async function ignoreConflict(saving: Promise<unknown>): Promise<void> {
  try {
    await saving;
  } catch (error) {
    if (!isInstance(error, RevisionMismatchError)) throw error;
  }
}
