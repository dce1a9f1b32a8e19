import { encodePayload, givenBytes, type Codec } from '../codecs/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { JetStreamService, StreamInfo, StreamOrigin } from '../jetstream/index.js';
import { errorText } from '../reporting/index.js';
import { validateKey } from './key-names.js';

/** The prefix of the names of the streams of buckets. */
export const STREAM_PREFIX = 'KV_';

/**
 * The streams, subjects and codec of one bucket.
 *
 * A mirror is read under its own stream's name but holds the subjects of its origin, and is written through the origin,
 * which may be in another domain.
 */
export class Bucket<T> {
  readonly name: string;
  /** The name of the stream. */
  readonly stream: string;
  /** The prefix of the subjects of stored values, before the key. */
  readonly prefix: string;
  /** The prefix of the subjects for writes. */
  readonly writePrefix: string;
  /** The prefix of the subjects of direct gets by key. */
  readonly directPrefix: string;
  /** The subject of a direct get by sequence. */
  readonly directSubject: string;
  /** Whether the stream allows direct gets. */
  readonly direct: boolean;
  /** Whether several servers store the bucket, so that one may be behind the others. */
  readonly replicated: boolean;
  /** Whether keys may have their own ttl. */
  readonly allowsTtl: boolean;
  /** When the stream was created, as known when the bucket was opened. */
  readonly origin: StreamOrigin;

  constructor(
    readonly jetstream: JetStreamService,
    { config, created, timestamp }: StreamInfo,
    readonly codec: Codec<T>,
  ) {
    const { apiPrefix } = jetstream.connection;
    const { mirror } = config;
    this.name = bucketOf(config.name);
    this.stream = config.name;
    this.prefix = `$KV.${mirror ? bucketOf(mirror.name) : this.name}.`;
    const domainPrefix = apiPrefix === '$JS.API' ? '' : `${apiPrefix}.`;
    this.writePrefix = `${mirror?.external ? `${mirror.external.apiPrefix}.` : domainPrefix}${this.prefix}`;
    this.directSubject = `${apiPrefix}.DIRECT.GET.${this.stream}`;
    this.directPrefix = `${this.directSubject}.${this.prefix}`;
    this.direct = config.allowDirect;
    this.replicated = config.replicas > 1;
    this.allowsTtl = config.allowMessageTtl ?? false;
    this.origin = { created, timestamp };
  }

  /** @throws {@link InvalidKeyError} */
  check(key: string): void {
    validateKey(this.name, key);
  }

  keyOf(subject: string): string {
    return subject.slice(this.prefix.length);
  }

  /** @throws {@link InvalidArgumentError} if the codec does not encode the value to bytes */
  encode(value: T | Uint8Array): Uint8Array {
    const bytes = givenBytes(value);
    if (bytes) return bytes;
    // JSON would omit them silently.
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new InvalidArgumentError('value', `a ${typeof value} cannot be stored in bucket "${this.name}"`);
    }
    try {
      return encodePayload(this.codec, value as T);
    } catch (cause) {
      throw new InvalidArgumentError(
        'value',
        `the codec of bucket "${this.name}" cannot encode it: ${errorText(cause)}`,
        { cause },
      );
    }
  }
}

/** The name of the bucket of a stream; a name without the prefix is already the name of a bucket. */
export function bucketOf(stream: string): string {
  return stream.startsWith(STREAM_PREFIX) ? stream.slice(STREAM_PREFIX.length) : stream;
}
