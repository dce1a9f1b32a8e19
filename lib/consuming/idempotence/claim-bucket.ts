import { jsonCodec } from '../../codecs/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import type { KeyValue, KeyValuePut } from '../../key-value/index.js';

/** The value of a key whose handler is running or has run. */
export type ClaimRecord = RunningRecord | DoneRecord;

export interface RunningRecord {
  readonly state: 'running';
  /** Identifies the handler and process that run it; changes with each start. */
  readonly owner: string;
  /** How long the claim is valid after it was written, in milliseconds. */
  readonly lease: number;
  /** The stream sequence of the message that is being handled. */
  readonly sequence: number;
}

export interface DoneRecord {
  readonly state: 'done';
  /** The stream sequence of the message that was handled. */
  readonly sequence: number;
}

/** Parses a claim; `undefined` if there is no entry or it is not a valid claim: other clients can write any value. */
export function readRecord(entry: KeyValuePut<ClaimRecord> | undefined): ClaimRecord | undefined {
  if (entry === undefined) return undefined;
  let record: Partial<Record<keyof RunningRecord, unknown>> | null | undefined;
  try {
    record = entry.value as typeof record;
  } catch {
    return undefined;
  }
  const { state, owner, lease, sequence } = record ?? {};
  if (state === 'done') return { state, sequence: Number(sequence) };
  if (state !== 'running' || typeof owner !== 'string' || typeof lease !== 'number') return undefined;
  return Number.isFinite(lease) ? { state, owner, lease, sequence: Number(sequence) } : undefined;
}

/**
 * A key that is written to learn the server's time. It cannot collide with the keys of claims, which have several
 * tokens.
 */
const CLOCK = 'clock';
const NOTHING = new Uint8Array(0);

/** The claims of one handler in a bucket. */
export class ClaimBucket {
  private readonly subjectPrefix: string;

  constructor(
    readonly values: KeyValue<ClaimRecord>,
    private readonly jetstream: JetStreamService,
    /**
     * How long the keys of this handler are stored, in milliseconds; `undefined`: as long as the bucket keeps values.
     */
    private readonly ttl: number | undefined,
  ) {
    const { apiPrefix } = jetstream.connection;
    this.subjectPrefix = `${apiPrefix === '$JS.API' ? '' : `${apiPrefix}.`}$KV.${values.bucket}.`;
  }

  /** Stores that a key is completed, regardless of the current value. */
  async remember(key: string, record: DoneRecord): Promise<void> {
    if (this.ttl === undefined) {
      await this.values.put(key, record);
    } else {
      // `KeyValue` sets a ttl only on new keys (ADR-48).
      await this.jetstream.publishUnchanged(this.subjectPrefix + key, jsonCodec.encode(record), {
        ttl: this.ttl,
      });
    }
  }

  /**
   * Deletes a claim so that the key is free. @throws {@link RevisionMismatchError} if another instance has written the
   * key
   */
  async vacate(key: string, revision: number): Promise<void> {
    if (this.ttl === undefined) await this.values.delete(key, { revision });
    else await this.values.purge(key, { revision, ttl: this.ttl });
  }

  /**
   * The age of an entry, in milliseconds. It is computed only from the server's clock, because the clocks of processes
   * differ.
   */
  async ageOf(entry: KeyValuePut<ClaimRecord>): Promise<number> {
    await this.values.put(CLOCK, NOTHING);
    const now = await this.values.get(CLOCK, { consistent: true });
    return now === undefined ? 0 : now.created.getTime() - entry.created.getTime();
  }
}
