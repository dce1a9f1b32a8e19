import { jsonCodec } from '../../codecs/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import type { KeyValue, KeyValuePut } from '../../key-value/index.js';

/** What a bucket holds under a key whose handler runs or ran. */
export type ClaimRecord = RunningRecord | DoneRecord;

export interface RunningRecord {
  readonly state: 'running';
  /** Which handler of which process runs it; another one after each start. */
  readonly owner: string;
  /** For how long after it was written the claim holds, in milliseconds. */
  readonly lease: number;
  /** The stream sequence of the message that it runs for. */
  readonly sequence: number;
}

export interface DoneRecord {
  readonly state: 'done';
  /** The stream sequence of the message that it ran for. */
  readonly sequence: number;
}

/**
 * What a claim says, as far as it is one: other clients can write anything under a key. `undefined` if there is no entry or
 * it is no claim.
 */
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

/** Written to learn the server's time. The keys of claims have several tokens: none is this. */
const CLOCK = 'clock';
const NOTHING = new Uint8Array(0);

/** The bucket as one handler's claims use it. */
export class ClaimBucket {
  private readonly subjectPrefix: string;

  constructor(
    readonly values: KeyValue<ClaimRecord>,
    private readonly jetstream: JetStreamService,
    /** After how many milliseconds this handler's keys are forgotten; `undefined`: when the bucket forgets values. */
    private readonly ttl: number | undefined,
  ) {
    const { apiPrefix } = jetstream.connection;
    this.subjectPrefix = `${apiPrefix === '$JS.API' ? '' : `${apiPrefix}.`}$KV.${values.bucket}.`;
  }

  /** Remembers that a key is done, whatever the bucket held of it. */
  async remember(key: string, record: DoneRecord): Promise<void> {
    if (this.ttl === undefined) {
      await this.values.put(key, record);
    } else {
      // `KeyValue` gives a ttl to new keys only (ADR-48).
      await this.jetstream.publish(this.subjectPrefix + key, jsonCodec.encode(record), { ttl: this.ttl });
    }
  }

  /** Makes a key vacant. @throws {@link RevisionMismatchError} where somebody else has written it */
  async vacate(key: string, revision: number): Promise<void> {
    if (this.ttl === undefined) await this.values.delete(key, { revision });
    else await this.values.purge(key, { revision, ttl: this.ttl });
  }

  /** How long ago an entry was written, in milliseconds. By the server's clock alone: those of processes differ. */
  async ageOf(entry: KeyValuePut<ClaimRecord>): Promise<number> {
    await this.values.put(CLOCK, NOTHING);
    const now = await this.values.get(CLOCK, { consistent: true });
    return now === undefined ? 0 : now.created.getTime() - entry.created.getTime();
  }
}
