import { printable } from '../reporting/index.js';
import { JetStreamError } from './jetstream.error.js';
import { PayloadTooLargeError } from './publish.errors.js';

/**
 * The name of an object is empty, not well-formed Unicode, or too long for a subject.
 *
 * @remarks Use a name of well-formed Unicode that is not empty and fits into a subject.
 */
export class InvalidObjectNameError extends JetStreamError {
  constructor(
    /** The name of the object. */
    readonly object: string,
    problem: string,
  ) {
    const shown = object.length > 64 ? `${object.slice(0, 64)}…` : object;
    super(`Invalid object name "${shown}": ${problem}.`);
  }
}

/**
 * The description of an object is larger than the server's `max_payload`. A description is a single message, unlike the
 * content. Thrown before anything is sent.
 *
 * @remarks Shorten description, metadata and headers, or move long texts into the content.
 */
export class ObjectDescriptionTooLargeError extends PayloadTooLargeError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
    { subject, size, maximum }: Pick<PayloadTooLargeError, 'subject' | 'size' | 'maximum'>,
    options?: ErrorOptions,
  ) {
    super(
      subject,
      size,
      maximum,
      options,
      `The description of object "${printable(object.slice(0, 64))}" in bucket "${bucket}" has ${size} bytes, but the server accepts ` +
        `at most ${maximum} in a message. Shorten its description, metadata and headers, or move long texts into the content.`,
    );
  }
}

/**
 * The bucket has no object with this name, or only the marker of a deleted one.
 *
 * @remarks Put the object first, or check its name and the bucket.
 */
export class ObjectNotFoundError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
    message = `Object "${object}" not found in bucket "${bucket}". Put it first, or check its name and the bucket.`,
  ) {
    super(message);
  }
}

/**
 * The object was deleted.
 *
 * @remarks Put the object again, or set `showDeleted` to read its last description.
 */
export class ObjectDeletedError extends ObjectNotFoundError {
  constructor(bucket: string, object: string) {
    super(
      bucket,
      object,
      `Object "${object}" of bucket "${bucket}" was deleted. Set showDeleted to read its last description.`,
    );
  }
}

/**
 * The bucket already has an object with this name, and the operation would replace it.
 *
 * @remarks Delete the object first, or choose another name.
 */
export class ObjectExistsError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the existing object. */
    readonly object: string,
  ) {
    super(`Bucket "${bucket}" already has an object "${object}". Delete it first, or choose another name.`);
  }
}

/**
 * The object is not at the revision that the caller expected because another client wrote it in between.
 *
 * @remarks Read the description of the object again, then decide.
 */
export class ObjectRevisionMismatchError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
    /** The revision that the caller expected; 0 for no object. */
    readonly expected: number,
    /** The revision found; 0 for no object. */
    readonly actual: number,
  ) {
    super(
      `Object "${object}" of bucket "${bucket}" is at revision ${actual}, not ${expected}: ` +
        'another client wrote it in between. Read its info again before you write.',
    );
  }
}

/**
 * The stored description of the object does not have the format of object stores (ADR-20).
 *
 * @remarks Put the object again to replace the description, and find out which client wrote it.
 */
export class InvalidObjectInfoError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The description of object "${printable(object)}" in bucket "${bucket}" cannot be read: ${printable(problem)}. ` +
        'Put the object again to replace it.',
      options,
    );
  }
}

/**
 * The stored content of an object does not match its description. Subclasses name the difference.
 *
 * @remarks Put the object again.
 */
export class ObjectCorruptError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
    problem: string,
  ) {
    super(`Object "${object}" of bucket "${bucket}" is corrupt: ${problem}. Put it again.`);
  }
}

/**
 * The digest of the bytes that were read differs from the one in the object's description.
 *
 * @remarks Put the object again.
 */
export class DigestMismatchError extends ObjectCorruptError {
  constructor(
    bucket: string,
    object: string,
    /** The digest in the object's description. */
    readonly expected: string,
    /** The digest of the bytes that were read. */
    readonly actual: string,
  ) {
    super(bucket, object, `its digest is ${actual}, not ${expected}`);
  }
}

/**
 * The bucket does not hold as many chunks of the object as its description says.
 *
 * @remarks Put the object again.
 */
export class ObjectIncompleteError extends ObjectCorruptError {
  constructor(
    bucket: string,
    object: string,
    /** The number of chunks according to the object's description. */
    readonly expected: number,
    /** The number of chunks in the bucket. */
    readonly actual: number,
  ) {
    super(bucket, object, `it has ${actual} chunks, not ${expected}`);
  }
}

/**
 * The object is too large to be held in memory in one piece.
 *
 * @remarks Read the object as a stream with `get`, or into a file with `getFile`.
 */
export class ObjectTooLargeError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
    /** The size, in bytes. */
    readonly size: number,
    options?: ErrorOptions,
  ) {
    super(
      `Object "${object}" of bucket "${bucket}" has ${size} bytes, more than fit into one buffer. ` +
        'Read it as a stream with get, or into a file with getFile.',
      options,
    );
  }
}

/**
 * The bucket is a mirror of another one: it can be read but not written.
 *
 * @remarks Write to the bucket that `origin` names.
 */
export class MirroredObjectStoreError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The bucket that is mirrored. */
    readonly origin: string,
  ) {
    super(
      `Object Store bucket "${bucket}" is a mirror of bucket "${origin}" and cannot be written. Write to "${origin}" instead.`,
    );
  }
}

/**
 * The object was overwritten or deleted while it was being read.
 *
 * @remarks Read the object again.
 */
export class ObjectChangedError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
  ) {
    super(
      `Object "${object}" of bucket "${bucket}" was overwritten or deleted while it was being read. Read it again.`,
    );
  }
}

/**
 * The server did not accept or send any chunk for longer than `stallTimeout`.
 *
 * @remarks Check that the server is reachable and that the stream has a leader, then try again.
 */
export class ObjectTransferStalledError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the object. */
    readonly object: string,
    /** The time without progress, in milliseconds. */
    readonly stallTimeout: number,
    options?: ErrorOptions,
  ) {
    super(
      `The transfer of object "${object}" to or from bucket "${bucket}" made no progress for ${stallTimeout} ms. ` +
        'Check that the server is reachable, and that the stream has a leader.',
      options,
    );
  }
}

/**
 * A link cannot be created or followed. Subclasses name the reason.
 *
 * @remarks See the subclass.
 */
export abstract class ObjectLinkError extends JetStreamError {
  constructor(
    /** The name of the bucket. */
    readonly bucket: string,
    /** The name of the link. */
    readonly object: string,
    problem: string,
  ) {
    super(`Link "${object}" in bucket "${bucket}": ${problem}.`);
  }
}

/**
 * The target of a new link is itself a link.
 *
 * @remarks Link to the object that the other link points to.
 */
export class LinkToLinkError extends ObjectLinkError {
  constructor(bucket: string, object: string, target: string) {
    super(
      bucket,
      object,
      `"${target}" is a link itself, and links to links are not allowed; link to its target`,
    );
  }
}

/**
 * The target of a new link is a deleted object.
 *
 * @remarks Put the target first.
 */
export class LinkToDeletedObjectError extends ObjectLinkError {
  constructor(bucket: string, object: string, target: string) {
    super(bucket, object, `"${target}" is deleted, and links to deleted objects are not allowed`);
  }
}

/**
 * The caller passed a link to `put`.
 *
 * @remarks Create links with `addLink` or `addBucketLink`.
 */
export class LinkNotAllowedError extends ObjectLinkError {
  constructor(bucket: string, object: string) {
    super(bucket, object, 'put only stores content; create links with addLink or addBucketLink');
  }
}

/**
 * The caller requested the content of a link to a whole bucket.
 *
 * @remarks Open the bucket that `target` names.
 */
export class BucketLinkError extends ObjectLinkError {
  constructor(
    bucket: string,
    object: string,
    /** The bucket that the link points to. */
    readonly target: string,
  ) {
    super(bucket, object, `it points to the whole bucket "${target}" and has no content; open that bucket`);
  }
}

/**
 * The links form a cycle.
 *
 * @remarks Delete one of the links.
 */
export class LinkLoopError extends ObjectLinkError {
  constructor(bucket: string, object: string) {
    super(bucket, object, 'its links form a cycle; delete one of them');
  }
}
