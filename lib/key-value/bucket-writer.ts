import { headers as createHeaders, type MsgHdrs } from '@nats-io/transport-node';
import {
  InvalidArgumentError,
  KeyTtlDisabledError,
  NoRespondersError,
  NoStreamResponseError,
  PayloadTooLargeError,
  PublishTimeoutError,
  RequestTimeoutError,
  RevisionMismatchError,
  StreamFeatureDisabledError,
  WrongLastSequenceError,
  type ApiErrorBody,
  type JetStreamApiError,
} from '../errors/index.js';
import { PubAckReader } from '../jetstream/index.js';
import type { RequestOptions } from '../requests/index.js';
import { validateRevision } from './bucket-reader.js';
import type { Bucket } from './bucket.js';

/** What a write expects and leaves behind. */
export interface WriteConditions {
  /** The revision that the key must be at: 0 for none. */
  readonly revision?: number;
  /** After how many milliseconds the server removes it. */
  readonly ttl?: number;
  /** How long to wait for the server's word, in milliseconds. Default: the connection's `jetstream.timeout`. */
  readonly timeout?: number;
}

/** As the Go client: a write that no stream answers is sent again twice, a quarter of a second apart. */
const RETRIES = 2;
const RETRY_WAIT = 250;

const NOTHING = new Uint8Array(0);

/** Writes values and removals, and reads the acknowledgements. */
export class BucketWriter<T> {
  private readonly acks = new PubAckReader();

  constructor(private readonly bucket: Bucket<T>) {}

  /** Puts a value, whatever there was. The form without headers, for speed. */
  put(key: string, value: T | Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.send(this.writing(key, this.bucket.encode(value), undefined, UNCONDITIONAL, resolve, reject));
    });
  }

  /** Puts a value under conditions. @throws {@link RevisionMismatchError}, {@link KeyTtlDisabledError} */
  putIf(key: string, value: T | Uint8Array, conditions: WriteConditions): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = this.conditionHeaders(conditions);
      const data = this.bucket.encode(value);
      this.send(this.writing(key, data, headers, conditions, resolve, reject));
    });
  }

  /** Marks a key as removed; `PURGE` removes its history too. */
  remove(key: string, operation: 'DEL' | 'PURGE', conditions: WriteConditions): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = this.conditionHeaders(conditions);
      headers.set('KV-Operation', operation);
      if (operation === 'PURGE') headers.set('Nats-Rollup', 'sub');
      this.send(this.writing(key, NOTHING, headers, conditions, resolve, reject));
    });
  }

  private writing(
    key: string,
    data: Uint8Array,
    headers: MsgHdrs | undefined,
    { revision, timeout }: WriteConditions,
    resolve: (revision: number) => void,
    reject: (error: unknown) => void,
  ): Writing {
    const { bucket } = this;
    bucket.check(key);
    const subject = bucket.writePrefix + key;
    const { maxPayload } = bucket.jetstream.connection;
    const size = data.length + (headers ? sizeOf(headers) : 0);
    if (size > maxPayload) throw new PayloadTooLargeError(subject, size, maxPayload);
    return {
      key,
      subject,
      data,
      options: headers ? { headers, timeout } : NO_OPTIONS,
      revision,
      attempt: 1,
      resolve,
      reject,
    };
  }

  private send(writing: Writing): void {
    const { requests } = this.bucket.jetstream;
    requests.send(writing.subject, writing.data, writing.options, (error, reply) => {
      if (!reply) return this.failed(writing, error);
      try {
        writing.resolve(this.acks.read(reply.data, writing.subject).sequence);
      } catch (refusal) {
        writing.reject(this.translated(writing, refusal));
      }
    });
  }

  private failed(writing: Writing, error: Error | undefined): void {
    const { subject } = writing;
    if (error instanceof NoRespondersError) {
      if (writing.attempt++ <= RETRIES) setTimeout(() => this.send(writing), RETRY_WAIT);
      else writing.reject(new NoStreamResponseError(subject, RETRIES + 1));
    } else if (error instanceof RequestTimeoutError) {
      writing.reject(new PublishTimeoutError(subject, error.timeout, undefined, error.sent));
    } else {
      writing.reject(error);
    }
  }

  /** In the words of buckets and keys what the stream refused in its own. */
  private translated({ key, revision = 0 }: Writing, refusal: unknown): unknown {
    const { name } = this.bucket;
    if (refusal instanceof WrongLastSequenceError) {
      return new RevisionMismatchError(name, key, revision, refusal.lastSequence, toBody(refusal));
    }
    if (refusal instanceof StreamFeatureDisabledError) return new KeyTtlDisabledError(name, toBody(refusal));
    return refusal;
  }

  private conditionHeaders({ revision, ttl }: WriteConditions): MsgHdrs {
    const headers = createHeaders();
    if (revision !== undefined) {
      validateRevision(revision);
      headers.set('Nats-Expected-Last-Subject-Sequence', String(revision));
    }
    if (ttl !== undefined) {
      if (!Number.isSafeInteger(ttl) || ttl < 1_000 || ttl % 1_000 !== 0) {
        throw new InvalidArgumentError('ttl', `${ttl} is not a number of milliseconds in whole seconds`);
      }
      this.bucket.jetstream.connection.require('A ttl of a single key', '2.11.0');
      headers.set('Nats-TTL', `${ttl / 1_000}s`);
    }
    return headers;
  }
}

interface Writing {
  readonly key: string;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly options: RequestOptions;
  readonly revision: number | undefined;
  attempt: number;
  readonly resolve: (revision: number) => void;
  readonly reject: (error: unknown) => void;
}

const NO_OPTIONS: RequestOptions = {};
const UNCONDITIONAL: WriteConditions = {};

/** What headers take on the wire: `NATS/1.0`, a line each, and an empty one. */
function sizeOf(headers: MsgHdrs): number {
  let size = 12;
  for (const [name, values] of headers) for (const value of values) size += name.length + value.length + 4;
  return size;
}

function toBody({ status, code, description }: JetStreamApiError): ApiErrorBody {
  return { code: status, err_code: code, description };
}
