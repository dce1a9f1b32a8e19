import { Buffer } from 'node:buffer';
import type { KeyValueEntry } from './key-value-entry.js';

/** What a lock's key holds: who has it, and how long others must leave it to him after each sign of life. */
export interface LockRecord {
  /** Different for every lock obtained, so that a holder knows his own writes. */
  readonly id: string;
  /** Who it is, for people. */
  readonly name: string;
  /** In milliseconds. */
  readonly ttl: number;
}

/** The record as it is stored, whatever codec the bucket has. */
export function encodeRecord(record: LockRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record), 'utf8');
}

/** The record of an entry; `undefined` where the lock is free, or the key holds something else. */
export function recordOf(entry: KeyValueEntry<unknown> | undefined): LockRecord | undefined {
  if (entry?.operation !== 'PUT') return undefined;
  try {
    const record = JSON.parse(entry.text()) as Partial<LockRecord> | null;
    return record && typeof record.id === 'string' && typeof record.ttl === 'number'
      ? { id: record.id, name: String(record.name), ttl: record.ttl }
      : undefined;
  } catch {
    return undefined;
  }
}
