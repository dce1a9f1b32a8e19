import { JetStreamError } from './jetstream.error.js';

/** The kind of a bucket, as error messages name it. */
export type BucketKind = 'Key-Value' | 'Object Store';

/** The name of a bucket contains characters that are not allowed in bucket names. Thrown before anything is sent. */
export class InvalidBucketNameError extends JetStreamError {
  constructor(
    readonly kind: BucketKind,
    /** The given name. */
    readonly bucket: string,
  ) {
    super(`Invalid ${kind} bucket name "${bucket}". Use 1 to 251 letters, digits, "-" and "_".`);
  }
}

/** There is no bucket with this name. */
export class BucketNotFoundError extends JetStreamError {
  constructor(
    readonly kind: BucketKind,
    /** The requested name. */
    readonly bucket: string,
    options?: ErrorOptions,
  ) {
    super(
      `${kind} bucket "${bucket}" not found: create it, or check its name, the account and the domain.`,
      options,
    );
  }
}

/** A bucket with this name exists with a different configuration. */
export class BucketExistsError extends JetStreamError {
  constructor(
    readonly kind: BucketKind,
    /** The name of the existing bucket. */
    readonly bucket: string,
    options?: ErrorOptions,
  ) {
    super(
      `${kind} bucket "${bucket}" exists with another configuration: use update or createOrUpdate to change it.`,
      options,
    );
  }
}
