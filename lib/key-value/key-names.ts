import { InvalidBucketNameError, InvalidKeyError } from '../errors/index.js';
import { nameText } from '../reporting/index.js';

// With the prefix `KV_`, a stream's name has at most 255 bytes; the limit is the same for both kinds of buckets.
const BUCKET = /^[a-zA-Z0-9_-]{1,251}$/;
const KEY = /^[-/_=a-zA-Z0-9]+(?:\.[-/_=a-zA-Z0-9]+)*$/;
const FILTER = /^[-/_=.a-zA-Z0-9*]*>?$/;

/**
 * The server closes the connection if a protocol line is longer than 4,096 bytes (`max_control_line`). The subject of a
 * request contains the key and the bucket's name twice, and the line also has a reply subject.
 */
const MAX_KEY_LENGTH = 3_500;

/** Accepts the same names as the Go client. @throws {@link InvalidBucketNameError} */
export function validateBucketName(bucket: string): void {
  if (typeof bucket !== 'string' || !BUCKET.test(bucket)) {
    throw new InvalidBucketNameError('Key-Value', nameText(bucket));
  }
}

/** Accepts the same keys as the Go client, except keys too long for the server. @throws {@link InvalidKeyError} */
export function validateKey(bucket: string, key: string): void {
  if (typeof key !== 'string' || !KEY.test(key)) throw new InvalidKeyError(bucket, nameText(key));
  if (key.length > MAX_KEY_LENGTH) throw tooLong(bucket, key);
}

/** Accepts the same filters as the Go client: keys with wildcards. @throws {@link InvalidKeyError} */
export function validateKeyFilter(bucket: string, filter: string): void {
  if (typeof filter !== 'string' || filter === '' || !FILTER.test(filter) || hasEmptyToken(filter)) {
    throw new InvalidKeyError(
      bucket,
      nameText(filter),
      'only letters, digits and "-/_=.*" are allowed, ">" only at the end, and "." neither first nor last nor twice in a row',
    );
  }
  if (filter.length > MAX_KEY_LENGTH) throw tooLong(bucket, filter);
}

function hasEmptyToken(filter: string): boolean {
  return filter.startsWith('.') || filter.endsWith('.') || filter.includes('..');
}

function tooLong(bucket: string, key: string): InvalidKeyError {
  return new InvalidKeyError(
    bucket,
    key,
    `it has ${key.length} characters, more than the maximum of ${MAX_KEY_LENGTH}`,
  );
}
