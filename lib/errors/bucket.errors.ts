import { JetStreamError } from './jetstream.error.js';

/** The kind of a bucket, as error messages name it. */
export type BucketKind = 'Key-Value' | 'Object Store';

/**
 * The name of a bucket contains characters that are not allowed in bucket names. Thrown before anything is sent.
 *
 * @remarks Use 1 to 251 letters, digits, `-` and `_`.
 */
export class InvalidBucketNameError extends JetStreamError {
  constructor(
    /** The kind of the bucket. */
    readonly kind: BucketKind,
    /** The given name. */
    readonly bucket: string,
  ) {
    super(`Invalid ${kind} bucket name "${bucket}". Use 1 to 251 letters, digits, "-" and "_".`);
  }
}

/**
 * There is no bucket with this name.
 *
 * @remarks Create or declare the bucket, or check its name, the account and the domain.
 */
export class BucketNotFoundError extends JetStreamError {
  constructor(
    /** The kind of the bucket. */
    readonly kind: BucketKind,
    /** The requested name. */
    readonly bucket: string,
    options?: ErrorOptions,
    /** Why the application did not create it, for example `provisioning: "off" does not create it`. */
    reason?: string,
  ) {
    super(
      `${kind} bucket "${bucket}" not found${reason === undefined ? '' : `, and ${reason}`}: create it, or check its name, the account and the domain.`,
      options,
    );
  }
}

/**
 * A bucket with this name exists with a different configuration.
 *
 * @remarks Use `update` or `createOrUpdate` to change the bucket, or choose another name.
 */
export class BucketExistsError extends JetStreamError {
  constructor(
    /** The kind of the bucket. */
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
