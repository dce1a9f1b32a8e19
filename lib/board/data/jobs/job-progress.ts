import { Buffer } from 'node:buffer';
import type { DeadLetterRow } from '../../model/index.js';
import type { StoredJob } from './stored-job.js';

/** Searches end with so many results. */
const MOST_FOUND = 1_000;
/** The results of a search are one message, which has to fit into the smallest usual size, in bytes. */
const LARGEST_FOUND = 500_000;
const LONGEST_ERROR = 300;

/** The progress of a run of a job. */
export class JobProgress {
  readonly found: DeadLetterRow[];
  private counts: Pick<StoredJob, 'done' | 'failed' | 'lastError' | 'position' | 'read'>;
  private foundSize: number;

  /** @param found what an earlier run has found */
  constructor(
    private readonly job: StoredJob,
    found: readonly DeadLetterRow[],
  ) {
    const { done, failed, lastError, position, read } = job;
    this.counts = { done, failed, position, read, ...(lastError !== undefined && { lastError }) };
    this.found = [...found];
    this.foundSize = sizeOf(found);
  }

  get position(): number {
    return this.counts.position;
  }

  /** The job as it is now. */
  get current(): StoredJob {
    return { ...this.job, ...this.counts };
  }

  /** Whether a search has found as many as it may. */
  get isFull(): boolean {
    return this.found.length >= MOST_FOUND || this.foundSize >= LARGEST_FOUND;
  }

  /** Everything up to this sequence is finished; for a search: everything from it on. */
  reached(position: number): void {
    this.counts = { ...this.counts, position };
  }

  read(count = 1): void {
    this.counts = { ...this.counts, read: this.counts.read + count };
  }

  succeeded(count = 1): void {
    this.counts = { ...this.counts, done: this.counts.done + count };
  }

  failed(lastError: string): void {
    this.counts = { ...this.counts, failed: this.counts.failed + 1, lastError };
  }

  matched(row: DeadLetterRow): void {
    const kept = { ...row, error: row.error.slice(0, LONGEST_ERROR) };
    this.found.push(kept);
    this.foundSize += sizeOf(kept);
    this.succeeded();
  }
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
