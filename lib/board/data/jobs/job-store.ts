import { BoardJobNotFoundError, BucketNotFoundError, StreamNotFoundError } from '../../../errors/index.js';
import { DEAD_LETTER_STREAM } from '../../../consuming/index.js';
import { jsonCodec } from '../../../codecs/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';
import type { KeyValue, KeyValueService } from '../../../key-value/index.js';
import { isInstance } from '../../../reporting/index.js';
import { isArray } from '../../../validation/index.js';
import type { DeadLetterRow } from '../../model/index.js';
import { type JobEntry, readJob, type StoredJob } from './stored-job.js';

/** The bucket with the jobs of all boards of a connection. */
const BUCKET = 'jetstream-board';
/** How long a job is kept after it was last stored, in milliseconds. */
const KEPT = 7 * 86_400_000;
const JOB = 'job.';
const FOUND = 'found.';

/** The stored jobs of one connection. The bucket is created with the first job. */
export class JobStore {
  constructor(
    private readonly jetstream: JetStreamService,
    private readonly buckets: KeyValueService,
  ) {}

  /** All jobs, the newest first. */
  async list(signal: AbortSignal): Promise<JobEntry[]> {
    const bucket = await this.open(signal);
    if (bucket === undefined) return [];
    const entries: JobEntry[] = [];
    for await (const key of bucket.keys(`${JOB}*`, { signal })) {
      const entry = await this.entry(bucket, key, signal);
      if (entry !== undefined) entries.push(entry);
    }
    return entries.sort((a, b) => b.job.startedAt.localeCompare(a.job.startedAt));
  }

  /** @throws {@link BoardJobNotFoundError} */
  async get(id: string, signal?: AbortSignal): Promise<JobEntry> {
    const bucket = await this.open(signal);
    const entry = bucket && (await this.entry(bucket, JOB + id, signal));
    if (entry === undefined) throw new BoardJobNotFoundError(id);
    return entry;
  }

  /** The dead letters that a search has found, as far as its stored position. */
  async found({ id, foundBy, position }: StoredJob, signal?: AbortSignal): Promise<readonly DeadLetterRow[]> {
    if (foundBy === undefined) return [];
    const bucket = await this.open(signal);
    const entry = await bucket?.get(keyOfFound(id, foundBy), { signal, consistent: true });
    const rows = valueOf(entry);
    if (!isArray(rows)) return [];
    // A run that was killed may have stored more results than its position covers.
    return (rows as readonly DeadLetterRow[]).filter(({ sequence }) => sequence >= position);
  }

  /** @returns the revision */
  async create(job: StoredJob): Promise<number> {
    const bucket = await this.buckets.createOrUpdate(
      {
        bucket: BUCKET,
        description: 'Background jobs of the boards',
        ttl: KEPT,
        replicas: await this.replicas(),
      },
      { codec: jsonCodec },
    );
    return bucket.create(JOB + job.id, job);
  }

  /** @returns the new revision @throws {@link RevisionMismatchError} if someone else has stored the job meanwhile */
  async save(job: StoredJob, revision: number): Promise<number> {
    const bucket = await this.existing(job.id);
    return bucket.update(JOB + job.id, job, revision);
  }

  /** Each run has a key of its own, so that one that has lost the job overwrites nothing. */
  async saveFound(id: string, run: string, rows: readonly DeadLetterRow[]): Promise<void> {
    const bucket = await this.existing(id);
    await bucket.put(keyOfFound(id, run), rows);
  }

  /** @throws {@link RevisionMismatchError} */
  async remove({ id, foundBy }: StoredJob, revision: number): Promise<void> {
    const bucket = await this.existing(id);
    await bucket.purge(JOB + id, { revision });
    if (foundBy !== undefined) await bucket.purge(keyOfFound(id, foundBy));
  }

  /** As many as the dead letters have, so that jobs survive what they survive. */
  private async replicas(): Promise<number> {
    const { cachedInfo } = await this.jetstream.stream(DEAD_LETTER_STREAM);
    return cachedInfo.config.replicas;
  }

  /** The bucket; `undefined` if no job was started yet. */
  private async open(signal?: AbortSignal): Promise<KeyValue | undefined> {
    try {
      return await this.buckets.open(BUCKET, { signal, codec: jsonCodec });
    } catch (error) {
      if (isInstance(error, BucketNotFoundError) || isInstance(error, StreamNotFoundError)) return undefined;
      throw error;
    }
  }

  private async existing(id: string): Promise<KeyValue> {
    const bucket = await this.open();
    if (bucket === undefined) throw new BoardJobNotFoundError(id);
    return bucket;
  }

  private async entry(bucket: KeyValue, key: string, signal?: AbortSignal): Promise<JobEntry | undefined> {
    const entry = await bucket.get(key, { signal, consistent: true });
    const job = readJob(valueOf(entry));
    return entry && job && { job, revision: entry.revision, storedAt: entry.created };
  }
}

function keyOfFound(id: string, run: string): string {
  return `${FOUND}${id}.${run}`;
}

/** The value of an entry; `undefined` for bytes that are not JSON, which any client may have stored. */
function valueOf(entry: { readonly value: unknown } | undefined): unknown {
  try {
    return entry?.value;
  } catch {
    return undefined;
  }
}
