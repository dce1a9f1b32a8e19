import { Buffer } from 'node:buffer';
import { printable } from '../../reporting/index.js';
import type { KeyValueEntry } from '../key-value-entry.js';

/** What a lock's key holds: its holder, and how long others must leave it to the holder after each sign of life. */
export interface LockRecord {
  /** Different for every contender, so that a holder recognizes its own writes. */
  readonly id: string;
  /** The name of the holder, for people. */
  readonly name: string;
  /** In milliseconds. */
  readonly ttl: number;
}

/** The record as it is stored, whatever codec the bucket has. */
export function encodeRecord(record: LockRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record), 'utf8');
}

/** The longest name of a holder that is kept, in characters: it is written by other processes. */
const LONGEST_NAME = 200;

/** The record of an entry; `undefined` if the lock is free, or the key holds something else. */
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
