import { Buffer } from 'node:buffer';
import { MessageNotFoundError } from '../../errors/index.js';
import type { CallOptions, JetStreamService, StoredMessage, Stream } from '../../jetstream/index.js';
import type { KeyValue, KeyValuePut } from '../../key-value/index.js';
import { KEYS } from './names.js';
import { type LastRunRecord, readLastRun, readSchedule, type ScheduleRecord } from './records.js';

/** A stored value with the revision for the next write; revision 0 if the key was never written. */
export interface Versioned<T> {
  readonly value: T | undefined;
  readonly revision: number;
  /** When the server stored it. */
  readonly stored: number;
}

/**
 * The stream and the bucket of schedules. Its reads and writes are those of the library, not of the application, so
 * instruments do not observe them.
 */
export class ScheduleStore {
  constructor(
    readonly jetstream: JetStreamService,
    readonly bucket: KeyValue,
    /** The name of the stream and of the bucket. */
    readonly name: string,
    /** Lets the stream have schedules of the server, if it is permitted to change it; returns whether it has. */
    readonly allowSchedules: () => Promise<boolean>,
    /** The limits of each of its requests. */
    readonly limits: CallOptions = {},
  ) {}

  /** The same store, whose requests have the limits of a call. */
  within(limits: CallOptions): ScheduleStore {
    return new ScheduleStore(this.jetstream, this.bucket, this.name, this.allowSchedules, limits);
  }

  /** The stream of the runs. */
  stream(): Promise<Stream> {
    return this.jetstream.stream(this.name, this.limits);
  }

  /** The last message of a subject of the stream; `undefined` if there is none. */
  async lastMessage(subject: string): Promise<StoredMessage | undefined> {
    try {
      return await (await this.stream()).getLastMessage(subject, this.limits);
    } catch (error) {
      if (error instanceof MessageNotFoundError) return undefined;
      throw error;
    }
  }

  async schedule(name: string): Promise<Versioned<ScheduleRecord>> {
    const { value, ...rest } = await this.read(KEYS.schedule(name));
    return { ...rest, value: readSchedule(value) };
  }

  async lastRun(name: string): Promise<Versioned<LastRunRecord>> {
    const { value, ...rest } = await this.read(KEYS.last(name));
    return { ...rest, value: readLastRun(value) };
  }

  /** The value of a key according to the leader of the bucket. */
  async read(key: string): Promise<Versioned<unknown>> {
    const change = await this.bucket.access.reader.change(key, { consistent: true, ...this.limits });
    if (change === undefined) return { value: undefined, revision: 0, stored: 0 };
    const { revision, created } = change;
    return { value: valueOf(change), revision, stored: created.getTime() };
  }

  /** Writes a value. @throws {@link RevisionMismatchError} if the key is at another revision than the given one */
  write(key: string, value: unknown, revision?: number): Promise<number> {
    const { writer } = this.bucket.access;
    const bytes = Buffer.from(JSON.stringify(value));
    return revision === undefined
      ? writer.putWithin(key, bytes, this.limits)
      : writer.putIf(key, bytes, { revision, ...this.limits });
  }

  /** Removes a value; only at this revision, if one is given. */
  async remove(key: string, revision?: number): Promise<void> {
    await this.bucket.access.writer.remove(key, 'PURGE', { revision, ...this.limits });
  }
}

/** The value of an entry; `undefined` if it was removed or is not JSON, which any client may have stored. */
export function valueOf(entry: Pick<KeyValuePut<unknown>, 'text'> & { readonly operation: string }): unknown {
  if (entry.operation !== 'PUT') return undefined;
  try {
    return JSON.parse(entry.text()) as unknown;
  } catch {
    return undefined;
  }
}
