import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, RevisionMismatchError, TooManyConflictsError } from '../errors/index.js';
import type { BucketAccess } from './bucket-access.js';

/** How often and how patiently a change is tried. */
export interface KeyValueModifyOptions {
  /** How often it is tried before {@link TooManyConflictsError}. Default 50. */
  readonly attempts?: number;
  /**
   * The longest pause before the second attempt, in milliseconds. It doubles with each attempt, up to a second, and each
   * pause is a random part of it. Default 2.
   */
  readonly backoff?: number;
}

/** What `modify` leaves behind. */
export interface KeyValueModification<T> {
  /** The value that is there now; `undefined` where there is none. */
  readonly value: T | undefined;
  /** Its revision; 0 where the key was never written. */
  readonly revision: number;
  /** Whether it was written: not where the function gave `undefined`. */
  readonly changed: boolean;
}

const MAX_BACKOFF = 1_000;

/** Reads, lets the function change, and writes where nobody else has written in between; else begins again. */
export async function modify<T>(
  { bucket, reader, writer }: BucketAccess<T>,
  key: string,
  change: (current: T | undefined) => T | undefined | Promise<T | undefined>,
  { attempts = 50, backoff = 2 }: KeyValueModifyOptions,
): Promise<KeyValueModification<T>> {
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new InvalidArgumentError('attempts', `${attempts} is not a whole number from 1`);
  }
  if (!Number.isFinite(backoff) || backoff < 0) {
    throw new InvalidArgumentError('backoff', `${backoff} is not a number of milliseconds`);
  }
  let consistent = false;
  for (let attempt = 1; ; attempt++) {
    const entry = await reader.change(key, { consistent });
    const revision = entry?.revision ?? 0;
    const value = await change(entry?.value);
    if (value === undefined) {
      if (consistent || !bucket.replicated) return { value: entry?.value, revision, changed: false };
      // A write would have found that the replica is behind; to write nothing is decided on the leader's word.
      consistent = true;
      continue;
    }
    try {
      return { value, revision: await writer.putIf(key, value, { revision }), changed: true };
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (attempt >= attempts) throw new TooManyConflictsError(bucket.name, key, attempts, { cause: error });
    }
    // A replica that is behind would only make another conflict.
    consistent = true;
    await sleep(Math.random() * Math.min(MAX_BACKOFF, backoff * 2 ** (attempt - 1)));
  }
}
