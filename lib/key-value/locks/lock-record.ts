import { Buffer } from 'node:buffer';
import { printable } from '../../reporting/index.js';
import type { KeyValueEntry } from '../key-value-entry.js';

/** The record of a lock: its holder, and how long the holder is entitled to it after each renewal. */
export interface LockRecord {
  /** Different for every contender, so that a holder recognizes its own writes. */
  readonly id: string;
  /** The name of the holder, for logs. */
  readonly name: string;
  /** In milliseconds. */
  readonly ttl: number;
}

/** Encodes a record, independently of the bucket's codec. */
export function encodeRecord(record: LockRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record), 'utf8');
}

/** The maximum length of a holder's name that is kept, in characters, because other processes write it. */
const LONGEST_NAME = 200;

/** The record of an entry; `undefined` if the lock is free, or the value of the key is not a lock. */
export function recordOf(entry: KeyValueEntry<unknown> | undefined): LockRecord | undefined {
  if (entry?.operation !== 'PUT') return undefined;
  try {
    const record = JSON.parse(entry.text()) as Partial<Record<keyof LockRecord, unknown>> | null;
    if (typeof record?.id !== 'string' || typeof record.ttl !== 'number' || !(record.ttl > 0))
      return undefined;
    const name = typeof record.name === 'string' ? record.name : 'an unnamed holder';
    return { id: record.id, name: printable(name.slice(0, LONGEST_NAME)), ttl: record.ttl };
  } catch {
    return undefined;
  }
}
