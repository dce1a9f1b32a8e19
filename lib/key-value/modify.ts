import { RevisionMismatchError, TooManyConflictsError } from '../errors/index.js';
import { CALL_OPTIONS, type CallOptions, inSteps } from '../jetstream/index.js';
import { Backoff, sleep } from '../timing/index.js';
import { pendingThenable } from '../user-code/index.js';
import {
  checkFunction,
  checkMilliseconds,
  checkWholeNumber,
  FINITE,
  optionsCheck,
} from '../validation/index.js';
import type { BucketAccess } from './bucket-access.js';

/** Options of the retries. */
export interface KeyValueModifyOptions extends CallOptions {
  /** The number of attempts before {@link TooManyConflictsError}. Default 50. */
  readonly attempts?: number | undefined;
  /**
   * The longest pause before the second attempt, in milliseconds. It doubles with each attempt, up to a second, and
   * each pause is shortened by up to half at random. Default 2.
   */
  readonly backoff?: number | undefined;
}

const checkOptions = optionsCheck<KeyValueModifyOptions>('modify', {
  ...CALL_OPTIONS,
  attempts: true,
  backoff: true,
});

/** The result of `modify`. */
export interface KeyValueModification<T> {
  /** The current value; `undefined` if there is none. */
  readonly value: T | undefined;
  /** Its revision; 0 if the key was never written. */
  readonly revision: number;
  /** Whether a value was written; `false` if the function returned `undefined`. */
  readonly changed: boolean;
}

const MAX_BACKOFF = 1_000;

interface Attempts {
  readonly attempts: number;
  readonly backoff: number;
  /** The options of the next request. */
  readonly left: CallOptions;
}

/**
 * Reads a value, passes it to the function, and writes the result if there was no other write in between; otherwise
 * starts again.
 */
export async function modify<T>(
  access: BucketAccess<T>,
  key: string,
  change: (current: T | undefined) => T | undefined | Promise<T | undefined>,
  options: KeyValueModifyOptions,
): Promise<KeyValueModification<T>> {
  const { attempts = 50, backoff = 2, timeout, signal } = checkOptions(options);
  checkWholeNumber('attempts', attempts, 1);
  checkMilliseconds('backoff', backoff, FINITE);
  checkFunction('change', change);
  return inSteps({ timeout, signal }, (left) => attempt(access, key, change, { attempts, backoff, left }));
}

async function attempt<T>(
  { bucket, reader, writer }: BucketAccess<T>,
  key: string,
  change: (current: T | undefined) => T | undefined | Promise<T | undefined>,
  { attempts, backoff, left }: Attempts,
): Promise<KeyValueModification<T>> {
  const pauses = new Backoff({ first: backoff, longest: MAX_BACKOFF });
  let consistent = false;
  for (let made = 1; ; made++) {
    const entry = await reader.change(key, { ...left, consistent });
    const revision = entry?.revision ?? 0;
    const changed: unknown = change(entry?.value);
    const value = (await (pendingThenable(changed) ?? changed)) as T | undefined;
    if (value === undefined) {
      if (consistent || !bucket.replicated) return { value: entry?.value, revision, changed: false };
      // A write would have detected that the replica is behind; the decision not to write needs the leader's state.
      consistent = true;
      continue;
    }
    try {
      return { value, revision: await writer.putIf(key, value, { ...left, revision }), changed: true };
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (made >= attempts) throw new TooManyConflictsError(bucket.name, key, attempts, { cause: error });
    }
    // A replica that is behind would only cause another conflict.
    consistent = true;
    await sleep(pauses.next());
  }
}
