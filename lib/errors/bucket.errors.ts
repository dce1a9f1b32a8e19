import { JetStreamError } from './jetstream.error.js';

/** What a bucket holds, for the message of an error. */
export type BucketKind = 'Key-Value' | 'Object Store';

/** The name of a bucket has characters that no bucket may have. Raised before anything is sent. */
export class InvalidBucketNameError extends JetStreamError {
  constructor(
    readonly kind: BucketKind,
    /** The name given. */
    readonly bucket: string,
  ) {
    super(`Invalid ${kind} bucket name "${bucket}": 1 to 251 letters, digits, "-" and "_".`);
  }
}

/** There is no bucket of that name. */
export class BucketNotFoundError extends JetStreamError {
  constructor(
    readonly kind: BucketKind,
    /** The name asked for. */
    readonly bucket: string,
    options?: ErrorOptions,
  ) {
    super(
      `${kind} bucket "${bucket}" not found: create it, or check its name, the account and the domain.`,
      options,
    );
  }
}

/** A bucket of that name exists with another configuration. */
export class BucketExistsError extends JetStreamError {
  constructor(
    readonly kind: BucketKind,
    /** The name that is taken. */
    readonly bucket: string,
    options?: ErrorOptions,
  ) {
    super(
      `${kind} bucket "${bucket}" exists with another configuration: use update or createOrUpdate to change it.`,
      options,
    );
  }
}
