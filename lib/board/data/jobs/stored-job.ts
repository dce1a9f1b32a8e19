import { isObject } from '../../../validation/index.js';
import type { DeadLetterRow, JobRow } from '../../model/index.js';

/** A job that has not been stored for so long has lost its instance, in milliseconds. */
export const LOST_AFTER = 15_000;

/** A job as it is stored. */
export interface StoredJob extends Omit<JobRow, 'found' | 'state'> {
  /** `interrupted`: its instance has ended in an orderly way. */
  readonly state: JobRow['state'];
  /** When the stream of the dead letters was created: its sequences begin again if it is created again. */
  readonly streamCreated: string;
  /** Whether the board that started it masks payloads. */
  readonly isMasked: boolean;
  /** Which run of the job this is: a run ends when another one has taken the job. */
  readonly run: string;
  /** Whether someone wants it to stop. */
  readonly isStopWanted?: boolean;
  /** The run that has stored the results of a search; absent without results. */
  readonly foundBy?: string;
}

/** A job in its bucket. */
export interface JobEntry {
  readonly job: StoredJob;
  readonly revision: number;
  /** When the server stored it. */
  readonly storedAt: Date;
}

/**
 * A job that was read; `undefined` for any other value. Any client with access to the bucket can have written it.
 */
export function readJob(value: unknown): StoredJob | undefined {
  if (!isObject(value)) return undefined;
  const job = value as Partial<StoredJob>;
  const isJob =
    TEXTS.every((name) => typeof job[name] === 'string') &&
    NUMBERS.every((name) => Number.isSafeInteger(job[name])) &&
    KINDS.includes(String(job.kind)) &&
    STATES.includes(String(job.state)) &&
    isObject(job.selection);
  return isJob ? (value as unknown as StoredJob) : undefined;
}

const TEXTS = ['id', 'kind', 'state', 'run', 'startedAt', 'streamCreated'] as const;
const NUMBERS = ['until', 'position', 'done', 'read', 'failed', 'total'] as const;
const KINDS: readonly string[] = ['replay', 'drop', 'search'] satisfies JobRow['kind'][];
const STATES: readonly string[] = [
  'running',
  'stopped',
  'interrupted',
  'done',
  'failed',
] satisfies JobRow['state'][];

/** Whether an instance works on a job now, as far as that can be known. */
export function isRunning({ job, storedAt }: JobEntry): boolean {
  return job.state === 'running' && Date.now() - storedAt.getTime() < LOST_AFTER;
}

/** A job as the page shows it. */
export function jobRow(entry: JobEntry, found?: readonly DeadLetterRow[]): JobRow {
  const { run: _, isStopWanted: __, foundBy: ___, streamCreated: ____, isMasked: _____, ...job } = entry.job;
  const state = job.state === 'running' && !isRunning(entry) ? 'interrupted' : job.state;
  return { ...job, state, ...(found !== undefined && { found }) };
}
