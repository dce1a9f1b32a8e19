import { JetStreamApiError, type ApiErrorBody } from './api.errors.js';
import { JetStreamError } from './jetstream.error.js';

/** A key, or a filter of keys, has characters that it may not have. Raised before anything is sent. */
export class InvalidKeyError extends JetStreamError {
  constructor(
    readonly bucket: string,
    /** The key or filter given. */
    readonly key: string,
    problem = 'letters, digits and "-/_=." only, "." neither first nor last nor twice in a row',
  ) {
    super(
      `Invalid key "${key.length > 100 ? `${key.slice(0, 100)}…` : key}" for bucket "${bucket}": ${problem}.`,
    );
  }
}

/** The bucket has no value for a key. {@link KeyDeletedError} where it had one. */
export class KeyNotFoundError extends JetStreamError {
  constructor(
    readonly bucket: string,
    readonly key: string,
    problem = 'not found',
  ) {
    super(`Key "${key}" ${problem} in bucket "${bucket}". Use get() where a missing key is nothing unusual.`);
  }
}

/** The key was deleted or purged, or its value expired and left a marker. */
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

/** `create` found a value under the key (codes 10071, 10164). */
export class KeyExistsError extends JetStreamApiError {
  constructor(
    readonly bucket: string,
    readonly key: string,
    body: ApiErrorBody,
  ) {
    super(body, `Key "${key}" exists in bucket "${bucket}": use update with its revision, or put.`);
  }
}

/** The key's last revision was not the expected one (codes 10071, 10164): somebody else wrote in between. */
export class RevisionMismatchError extends JetStreamApiError {
  constructor(
    readonly bucket: string,
    readonly key: string,
    /** The revision that was expected. */
    readonly expected: number,
    /** The last revision as the server gave it, `undefined` where it gave none. */
    readonly actual: number | undefined,
    body: ApiErrorBody,
  ) {
    super(
      body,
      `Key "${key}" in bucket "${bucket}" is not at revision ${expected}` +
        `${actual === undefined ? '' : ` but at ${actual}`}: somebody else wrote in between. Get it again, or use modify().`,
    );
  }
}

/**
 * A watch was to resume from a revision that the bucket is far from: it ends before the one in front of it. What the
 * revision was remembered from is not this bucket, or not any more.
 */
export class RevisionNotReachedError extends JetStreamError {
  constructor(
    readonly bucket: string,
    /** The revision that was to be resumed from. */
    readonly revision: number,
    /** The last revision of the bucket. */
    readonly last: number,
    options?: ErrorOptions,
  ) {
    super(
      `A watch of bucket "${bucket}" cannot resume from revision ${revision}, since the bucket ends at ${last}: the revision is ` +
        'of a bucket that was deleted, or that lost its end in a crash, or it was never there. Watch without ' +
        `resumeFromRevision, or from at most ${last + 1}.`,
      options,
    );
  }
}

/** `modify` met a competing write in every attempt. */
export class TooManyConflictsError extends JetStreamError {
  constructor(
    readonly bucket: string,
    readonly key: string,
    readonly attempts: number,
    options?: ErrorOptions,
  ) {
    super(
      `Key "${key}" in bucket "${bucket}" was written by others in each of ${attempts} attempts to modify it: ` +
        'allow more attempts, or write it from fewer places.',
      options,
    );
  }
}

/** More history was asked for than a bucket may keep. Raised before anything is sent. */
export class HistoryTooLargeError extends JetStreamError {
  constructor(
    readonly bucket: string,
    readonly history: number,
    readonly maximum: number,
  ) {
    super(
      `Bucket "${bucket}": a history of ${history} is more than the ${maximum} revisions a key may have.`,
    );
  }
}

/** A stream has the name of a bucket but keeps no last value of each subject. */
export class NotAKeyValueBucketError extends JetStreamError {
  constructor(
    readonly bucket: string,
    readonly stream: string,
  ) {
    super(
      `Stream "${stream}" is no Key-Value bucket: it has no maxMessagesPerSubject. Was it made by something else?`,
    );
  }
}

/** A time to live was given, and the bucket takes none (code 10166). */
export class KeyTtlDisabledError extends JetStreamApiError {
  constructor(
    readonly bucket: string,
    body: ApiErrorBody,
  ) {
    super(
      body,
      `Bucket "${bucket}" does not allow a ttl of single keys: set limitMarkerTtl in its configuration.`,
    );
  }
}

/** What was waited for will not come: the watch was stopped. */
export class WatchStoppedError extends JetStreamError {
  constructor(readonly bucket: string) {
    super(`The watch of bucket "${bucket}" is stopped: watch it again to go on.`);
  }
}

/** A bucket was deleted and created again: revisions of the one before mean nothing any more. */
export class BucketRecreatedError extends JetStreamError {
  constructor(readonly bucket: string) {
    super(
      `Bucket "${bucket}" was deleted and created again, so revisions of the one before are void. ` +
        'Read its values again.',
    );
  }
}

/** A lock is held by somebody else, and was for as long as was to be waited. */
export class LockNotObtainedError extends JetStreamError {
  constructor(
    readonly bucket: string,
    readonly key: string,
    /** Who holds it, as far as is known. */
    readonly holder: string | undefined,
    /** How long it was waited for, in milliseconds. */
    readonly waited: number,
  ) {
    super(
      `Lock "${key}" in bucket "${bucket}" is held by ${holder === undefined ? 'somebody else' : `"${holder}"`} ` +
        `and was not released within ${waited} ms.`,
    );
  }
}

/** A lock could not be renewed in time, or was taken away: its holder must stop what it protects. */
export class LockLostError extends JetStreamError {
  constructor(
    readonly bucket: string,
    readonly key: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`Lock "${key}" in bucket "${bucket}" is lost: ${problem}.`, options);
  }
}
