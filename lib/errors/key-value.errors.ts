import { JetStreamApiError, type ApiErrorBody } from './api.errors.js';
import { JetStreamError } from './jetstream.error.js';

/**
 * A key or a key filter contains characters that are not allowed. Thrown before anything is sent.
 *
 * @remarks Use letters, digits and `-/_=.` only, or encode the key.
 */
export class InvalidKeyError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The given key or filter. */
    readonly key: string,
    problem = 'only letters, digits and "-/_=." are allowed, and "." neither first nor last nor twice in a row',
  ) {
    super(
      `Invalid key "${key.length > 100 ? `${key.slice(0, 100)}…` : key}" for bucket "${bucket}": ${problem}.`,
    );
  }
}

/**
 * The bucket has no value for a key. If the key was deleted, the error is a {@link KeyDeletedError}.
 *
 * @remarks Use `get()` if the key may be missing, or write a value first.
 */
export class KeyNotFoundError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The key. */
    readonly key: string,
    problem = 'not found',
  ) {
    super(`Key "${key}" ${problem} in bucket "${bucket}". Use get() if the key may be missing.`);
  }
}

/**
 * The key was deleted or purged, or its value expired and left a marker.
 *
 * @remarks Use `get()` if the key may be deleted, or write a value first.
 */
export class KeyDeletedError extends KeyNotFoundError {
  constructor(
    bucket: string,
    key: string,
    /** The revision of the deletion. */
    readonly revision: number,
  ) {
    super(bucket, key, `was deleted with revision ${revision}`);
  }
}

/**
 * `create` found an existing value for the key (codes 10071, 10164).
 *
 * @remarks Use `update` with the revision of the value, or `put` to replace it.
 */
export class KeyExistsError extends JetStreamApiError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The key. */
    readonly key: string,
    body: ApiErrorBody,
  ) {
    super(body, `Key "${key}" already exists in bucket "${bucket}". Use update with its revision, or put.`);
  }
}

/**
 * The last revision of the key was not the expected one (codes 10071, 10164) because another client wrote the key in
 * between.
 *
 * @remarks Get the key again, then decide, or use `modify()`, which does both.
 */
export class RevisionMismatchError extends JetStreamApiError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The key. */
    readonly key: string,
    /** The expected revision. */
    readonly expected: number,
    /** The last revision that the server reported; `undefined` if it reported none. */
    readonly actual: number | undefined,
    body: ApiErrorBody,
  ) {
    super(
      body,
      `Key "${key}" in bucket "${bucket}" is not at revision ${expected}` +
        `${actual === undefined ? '' : ` but at ${actual}`}: another client wrote it in between. Get it again, or use modify().`,
    );
  }
}

/**
 * A watch cannot resume from the given revision because the last revision of the bucket is far lower. The revision was
 * probably saved from another bucket, or from an earlier incarnation of this one.
 *
 * @remarks Watch without `resumeFromRevision`, or resume from the last revision of the bucket plus one, or lower.
 */
export class RevisionNotReachedError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The revision to resume from. */
    readonly revision: number,
    /** The last revision of the bucket. */
    readonly last: number,
    options?: ErrorOptions,
  ) {
    super(
      `A watch of bucket "${bucket}" cannot resume from revision ${revision} because the last revision of the bucket is ${last}: ` +
        'the revision is of a bucket that was deleted or that lost its last values in a crash, or it never existed. ' +
        `Watch without resumeFromRevision, or resume from revision ${last + 1} or lower.`,
      options,
    );
  }
}

/**
 * `modify` met a competing write in every attempt.
 *
 * @remarks Allow more attempts, or write the key from fewer clients.
 */
export class TooManyConflictsError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The key. */
    readonly key: string,
    /** The number of attempts. */
    readonly attempts: number,
    options?: ErrorOptions,
  ) {
    super(
      `Key "${key}" in bucket "${bucket}" was written by another client during each of the ${attempts} attempts to modify it. ` +
        'Allow more attempts, or write the key from fewer clients.',
      options,
    );
  }
}

/**
 * The requested history exceeds the maximum history of a bucket. Thrown before anything is sent.
 *
 * @remarks Use a history of at most `maximum` revisions.
 */
export class HistoryTooLargeError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The requested history. */
    readonly history: number,
    /** The longest history that a bucket can keep of a key. */
    readonly maximum: number,
  ) {
    super(
      `Bucket "${bucket}": a history of ${history} exceeds the maximum of ${maximum} revisions of a key. Use a shorter history.`,
    );
  }
}

/**
 * The stream with the name of the bucket does not keep the last value of each subject.
 *
 * @remarks Check what created the stream, or use another bucket name.
 */
export class NotAKeyValueBucketError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the stream. */
    readonly stream: string,
  ) {
    super(
      `Stream "${stream}" is not a Key-Value bucket: it has no maxMessagesPerSubject. ` +
        'Check what created it, or use another bucket name.',
    );
  }
}

/**
 * A time to live was given, but the bucket does not allow one (code 10166).
 *
 * @remarks Set `limitMarkerTtl` in the configuration of the bucket.
 */
export class KeyTtlDisabledError extends JetStreamApiError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    body: ApiErrorBody,
  ) {
    super(
      body,
      `Bucket "${bucket}" does not allow a ttl for single keys. Set limitMarkerTtl in its configuration.`,
    );
  }
}

/**
 * The awaited value cannot arrive because the watch was stopped.
 *
 * @remarks Start another watch to continue.
 */
export class WatchStoppedError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
  ) {
    super(`The watch of bucket "${bucket}" was stopped. Start another watch to continue.`);
  }
}

/**
 * The bucket was deleted and created again, so revisions of the earlier incarnation are no longer valid.
 *
 * @remarks Discard revisions from before, and read the values again.
 */
export class BucketRecreatedError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
  ) {
    super(
      `Bucket "${bucket}" was deleted and created again, so revisions of the earlier bucket are no longer valid. ` +
        'Read its values again.',
    );
  }
}

/**
 * Another holder kept the lock for as long as the caller was willing to wait.
 *
 * @remarks Try again later, or raise the option `wait`.
 */
export class LockNotObtainedError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The key. */
    readonly key: string,
    /** The holder of the lock, if it is known. */
    readonly holder: string | undefined,
    /** How long the caller waited for the lock, in milliseconds. */
    readonly waited: number,
  ) {
    super(
      `Lock "${key}" in bucket "${bucket}" is held by ${holder === undefined ? 'another holder' : `"${holder}"`} ` +
        `and was not released within ${waited} ms. Try again later, or raise the option wait.`,
    );
  }
}

/**
 * A lock could not be renewed in time, or was taken by another holder. The previous holder must stop the work that the
 * lock protects.
 *
 * @remarks Stop the work that the lock protects.
 */
export class LockLostError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The key. */
    readonly key: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `Lock "${key}" in bucket "${bucket}" was lost: ${problem}. Stop the work that the lock protects.`,
      options,
    );
  }
}
