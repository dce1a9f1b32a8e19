import { Buffer } from 'node:buffer';
import { InvalidBucketNameError, InvalidObjectNameError } from '../errors/index.js';

/** The stream and the subjects of one bucket (ADR-20). */
export class ObjectNames {
  /** The stream that holds the bucket. */
  readonly stream: string;
  /** What the chunks of all objects are published on. */
  readonly allChunks: string;
  /** What the descriptions of all objects are published on. */
  readonly allInfos: string;

  /** @throws {@link InvalidBucketNameError} */
  constructor(readonly bucket: string) {
    if (typeof bucket !== 'string' || !BUCKET.test(bucket)) {
      throw new InvalidBucketNameError('Object Store', String(bucket ?? ''));
    }
    this.stream = STREAM_PREFIX + bucket;
    this.allChunks = `$O.${bucket}.C.>`;
    this.allInfos = `$O.${bucket}.M.>`;
  }

  /** The subject of the chunks of one object; `id` is the object's `nuid`. */
  chunks(id: string): string {
    return `$O.${this.bucket}.C.${id}`;
  }

  /**
   * The subject of the description of one object: its name in base64url of UTF-8, padded.
   *
   * @throws {@link InvalidObjectNameError}
   */
  info(name: string): string {
    validateObjectName(name);
    // Node's base64url leaves out the padding that all other clients write.
    const encoded = Buffer.from(name, 'utf8').toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    return `$O.${this.bucket}.M.${encoded}`;
  }
}

/** The subject that finds the streams of all object stores of an account. */
export const ANY_BUCKET = '$O.*.C.>';

/** The bucket that a stream holds, `undefined` where it is not the stream of an object store. */
export function bucketOfStream(stream: string): string | undefined {
  return stream.startsWith(STREAM_PREFIX) ? stream.slice(STREAM_PREFIX.length) : undefined;
}

const STREAM_PREFIX = 'OBJ_';
// Behind the prefix, and within the 255 bytes of a stream's name.
const BUCKET = /^[A-Za-z0-9_-]{1,251}$/;

// A subject goes over the wire within one control line, 4,096 bytes unless the server's configuration says otherwise;
// a longer one makes the server close the connection. This leaves room for the rest of the line.
const MAXIMUM_NAME_BYTES = 2_048;

/** @throws {@link InvalidObjectNameError} */
export function validateObjectName(name: string): void {
  if (typeof name !== 'string' || name === '')
    throw new InvalidObjectNameError(String(name ?? ''), 'it is empty');
  if (/\p{Surrogate}/u.test(name)) {
    throw new InvalidObjectNameError(name, 'it has lone surrogates, which UTF-8 cannot carry');
  }
  const bytes = Buffer.byteLength(name);
  if (bytes > MAXIMUM_NAME_BYTES) {
    throw new InvalidObjectNameError(name, `it has ${bytes} bytes in UTF-8, and ${MAXIMUM_NAME_BYTES} fit`);
  }
}
