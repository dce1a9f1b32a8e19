import { Buffer } from 'node:buffer';
import { InvalidBucketNameError, InvalidObjectNameError } from '../errors/index.js';
import { shown } from '../reporting/index.js';

/**
 * The stream and the subjects of one bucket (ADR-20).
 *
 * A mirror is read under its own stream's name, but has the subjects of the bucket that it mirrors.
 */
export class ObjectNames {
  /** The stream of the bucket. */
  readonly stream: string;
  /** The filter for the chunks of all objects. */
  readonly allChunks: string;
  /** The filter for the descriptions of all objects. */
  readonly allInfos: string;
  private readonly prefix: string;

  /**
   * @param origin the bucket that this one is a mirror of
   * @throws {@link InvalidBucketNameError}
   */
  constructor(
    readonly bucket: string,
    readonly origin?: string,
  ) {
    if (typeof bucket !== 'string' || !isBucketName(bucket)) {
      throw new InvalidBucketNameError('Object Store', typeof bucket === 'string' ? bucket : shown(bucket));
    }
    this.stream = STREAM_PREFIX + bucket;
    this.prefix = `$O.${origin ?? bucket}`;
    this.allChunks = `${this.prefix}.C.>`;
    this.allInfos = `${this.prefix}.M.>`;
  }

  /** The names of the bucket of a stream. */
  static of({
    name,
    mirror,
  }: {
    readonly name: string;
    readonly mirror?: { readonly name: string } | undefined;
  }): ObjectNames {
    return new ObjectNames(
      bucketOfStream(name) ?? name,
      mirror && (bucketOfStream(mirror.name) ?? mirror.name),
    );
  }

  /** The subject of the chunks of one object; `id` is the object's `nuid`. */
  chunks(id: string): string {
    return `${this.prefix}.C.${id}`;
  }

  /**
   * The subject of the description of one object: its name in base64url of UTF-8, padded.
   *
   * @throws {@link InvalidObjectNameError}
   */
  info(name: string): string {
    validateObjectName(name);
    // Node's base64url omits the padding that all other clients write.
    const encoded = Buffer.from(name, 'utf8').toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    return `${this.prefix}.M.${encoded}`;
  }
}

/** The name of the object whose description has this subject. */
export function nameOfInfo(subject: string): string {
  return Buffer.from(subject.slice(subject.lastIndexOf('.') + 1), 'base64url').toString('utf8');
}

/** Whether the name is valid for a bucket. */
export function isBucketName(name: string): boolean {
  return BUCKET.test(name);
}

/** The subject that matches the streams of all object stores of an account. */
export const ANY_BUCKET = '$O.*.C.>';

/** The bucket of a stream; `undefined` if it is not the stream of an object store. */
export function bucketOfStream(stream: string): string | undefined {
  return stream.startsWith(STREAM_PREFIX) ? stream.slice(STREAM_PREFIX.length) : undefined;
}

const STREAM_PREFIX = 'OBJ_';
// After the prefix, and within the 255 bytes of a stream's name.
const BUCKET = /^[A-Za-z0-9_-]{1,251}$/;

// A subject goes over the wire within one control line, 4,096 bytes unless the server's configuration says otherwise;
// a longer one makes the server close the connection. This leaves room for the rest of the line.
const MAXIMUM_NAME_BYTES = 2_048;

/** @throws {@link InvalidObjectNameError} */
export function validateObjectName(name: string): void {
  if (typeof name !== 'string') throw new InvalidObjectNameError(shown(name), 'it is not a string');
  if (name === '') throw new InvalidObjectNameError(name, 'it is empty');
  if (/\p{Surrogate}/u.test(name)) {
    throw new InvalidObjectNameError(name, 'it has lone surrogates, which cannot be encoded in UTF-8');
  }
  const bytes = Buffer.byteLength(name);
  if (bytes > MAXIMUM_NAME_BYTES) {
    throw new InvalidObjectNameError(
      name,
      `it has ${bytes} bytes in UTF-8, more than the maximum of ${MAXIMUM_NAME_BYTES}`,
    );
  }
}
