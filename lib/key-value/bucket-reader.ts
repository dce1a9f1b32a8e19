import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import {
  BucketNotFoundError,
  InvalidApiResponseError,
  JetStreamApiError,
  MessageNotFoundError,
  NoRespondersError,
  StreamNotFoundError,
} from '../errors/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  directReplyKind,
  inSteps,
  type LeaderQuery,
  readFromLeader,
  type WireStoredMessage,
} from '../jetstream/index.js';
import { checkWholeNumber, optionsCheck } from '../validation/index.js';
import type { Bucket } from './bucket.js';
import { headerText } from './header-text.js';
import {
  BaseEntry,
  headerValue,
  type KeyValueEntry,
  type KeyValueOperation,
  type KeyValuePut,
  operationOf,
} from './key-value-entry.js';

/** Selects a value of a key, and the server to read it from. */
export interface KeyValueGetOptions extends CallOptions {
  /** Reads the value of this revision, if the bucket still has it and it belongs to this key. Default: the last one. */
  readonly revision?: number | undefined;
  /**
   * Reads from the bucket's leader, which has every acknowledged write. Default `false`: any replica answers, which is
   * faster and may be slightly behind.
   */
  readonly consistent?: boolean | undefined;
}

const checkGetOptions = optionsCheck<KeyValueGetOptions>('get', {
  ...CALL_OPTIONS,
  consistent: true,
  revision: true,
});

/** The last change of a key according to the leader. */
export interface StoredChange {
  readonly revision: number;
  readonly operation: KeyValueOperation;
  readonly bytes: Uint8Array;
  /** The headers as they are stored. */
  readonly headers: string;
}

/** Reads single values, by direct gets (ADR-31) if the bucket allows them. */
export class BucketReader<T> {
  constructor(private readonly bucket: Bucket<T>) {}

  /** The selected value of a key; `undefined` if there is none. */
  value(key: string, options: KeyValueGetOptions = LAST): Promise<KeyValuePut<T> | undefined> {
    if (options !== LAST) return this.change(key, options).then(onlyPut);
    return new Promise((resolve, reject) => {
      this.read(key, LAST, NO_LIMITS, (entry) => resolve(onlyPut(entry)), reject);
    });
  }

  /** The selected change of a key, including removals; `undefined` if there is none. */
  change(key: string, options: KeyValueGetOptions): Promise<KeyValueEntry<T> | undefined> {
    return new Promise((resolve, reject) => {
      const { timeout, signal } = checkGetOptions(options);
      if (timeout === undefined && signal === undefined)
        return this.read(key, options, NO_LIMITS, resolve, reject);
      const read = (left: CallOptions): Promise<KeyValueEntry<T> | undefined> =>
        new Promise((found, failed) => this.read(key, options, left, found, failed));
      inSteps({ timeout, signal }, read).then(resolve, reject);
    });
  }

  /**
   * A change of a key according to the bucket's leader: the last one, or the first one of its history after a revision;
   * `undefined` if there is none.
   */
  async stored(
    key: string,
    after: number | undefined,
    options: CallOptions,
  ): Promise<StoredChange | undefined> {
    const subject = this.bucket.prefix + key;
    const query: LeaderQuery =
      after === undefined ? { last_by_subj: subject } : { seq: after + 1, next_by_subj: subject };
    const message = await this.ask(query, options);
    if (message?.subject !== subject) return undefined;
    const headers = headersOf(message);
    return { revision: message.seq, operation: operationOf(headers), bytes: bytesOf(message), headers };
  }

  private read(
    key: string,
    { revision, consistent }: KeyValueGetOptions,
    wait: CallOptions,
    resolve: Resolve<T>,
    reject: Reject,
  ): void {
    const { bucket } = this;
    bucket.check(key);
    if (revision !== undefined) validateRevision(revision, 1);
    if (bucket.direct && !consistent) this.direct(key, revision, wait, resolve, reject);
    else this.leader(key, revision, wait, resolve, reject);
  }

  private direct(
    key: string,
    revision: Revision,
    wait: CallOptions,
    resolve: Resolve<T>,
    reject: Reject,
  ): void {
    const { bucket } = this;
    const request = wait === NO_LIMITS ? IDEMPOTENT : { ...wait, idempotent: true };
    // The request's subject contains the key, so that permissions can be granted by key.
    const subject = revision === undefined ? bucket.directPrefix + key : bucket.directSubject;
    const body = revision === undefined ? '' : JSON.stringify({ seq: revision });
    bucket.jetstream.requests.send(subject, body, request, (error, reply) => {
      if (reply) {
        const text = headerText(reply);
        const kind = directReplyKind(text);
        // The stored headers are malformed, and the server has overwritten their end.
        if (kind === 'partial') return this.leader(key, revision, wait, resolve, reject);
        try {
          resolve(kind === 'status' ? this.refused(text) : this.fromReply(key, revision, reply, text));
        } catch (refusal) {
          reject(refusal);
        }
      } else if (error instanceof NoRespondersError) {
        // No server answers direct gets (any more), so the leader is asked, which also reports a deleted bucket.
        this.leader(key, revision, wait, resolve, reject);
      } else {
        reject(error);
      }
    });
  }

  private leader(
    key: string,
    revision: Revision,
    wait: CallOptions,
    resolve: Resolve<T>,
    reject: Reject,
  ): void {
    this.fromLeader(key, revision, wait).then(resolve, reject);
  }

  private fromReply(
    key: string,
    revision: number | undefined,
    reply: Msg,
    text: string,
  ): KeyValueEntry<T> | undefined {
    const { bucket } = this;
    if (revision !== undefined && headerValue(text, 'Nats-Subject') !== bucket.prefix + key) return undefined;
    return new DirectEntry(bucket, key, operationOf(text), reply.data, text) as KeyValueEntry<T>;
  }

  private refused(text: string): undefined {
    const { stream } = this.bucket;
    const [, code, description] = /^NATS\/1\.0 (\d+) ?([^\r]*)/.exec(text) ?? [];
    if (code === '404') return undefined;
    if (code === undefined) {
      throw new InvalidApiResponseError(`DIRECT.GET.${stream}`, 'the headers of a direct get are missing');
    }
    throw new JetStreamApiError(
      { code: Number(code), description },
      `Direct get from Key-Value bucket "${this.bucket.name}": ${code} ${description}`,
    );
  }

  private async fromLeader(
    key: string,
    revision: Revision,
    wait: CallOptions,
  ): Promise<KeyValueEntry<T> | undefined> {
    const { bucket } = this;
    const subject = bucket.prefix + key;
    const query = revision === undefined ? { last_by_subj: subject } : { seq: revision };
    const message = await this.ask(query, wait);
    if (message?.subject !== subject) return undefined;
    const operation = operationOf(headersOf(message));
    return new StoredEntry(bucket, key, operation, bytesOf(message), message) as KeyValueEntry<T>;
  }

  /** A stored message, read from the bucket's leader. */
  private async ask(query: LeaderQuery, options: CallOptions): Promise<WireStoredMessage | undefined> {
    const { jetstream, stream, name } = this.bucket;
    try {
      return await readFromLeader(jetstream.api, stream, query, options);
    } catch (error) {
      if (error instanceof MessageNotFoundError) return undefined;
      if (error instanceof StreamNotFoundError) {
        throw new BucketNotFoundError('Key-Value', name, { cause: error });
      }
      throw error;
    }
  }
}

function onlyPut<T>(entry: KeyValueEntry<T> | undefined): KeyValuePut<T> | undefined {
  return entry?.operation === 'PUT' ? entry : undefined;
}

function headersOf({ hdrs = '' }: WireStoredMessage): string {
  return Buffer.from(hdrs, 'base64').toString('latin1');
}

function bytesOf({ data = '' }: WireStoredMessage): Uint8Array {
  return Buffer.from(data, 'base64');
}

/** @throws {@link InvalidArgumentError} */
export function validateRevision(revision: number, minimum = 0): void {
  checkWholeNumber('revision', revision, minimum);
}

const LAST: KeyValueGetOptions = {};
const NO_LIMITS: CallOptions = {};

const IDEMPOTENT = { idempotent: true };

type Revision = number | undefined;
type Resolve<T> = (entry: KeyValueEntry<T> | undefined) => void;
type Reject = (error: unknown) => void;

/** A value read by a direct get; its headers are parsed on demand. */
class DirectEntry<T> extends BaseEntry<T> {
  readonly delta = 0;
  readonly initial = false;

  constructor(
    bucket: Bucket<T>,
    key: string,
    operation: KeyValueOperation,
    bytes: Uint8Array,
    private readonly source: string,
  ) {
    super(bucket.name, key, operation, bytes, bucket.codec);
  }

  get revision(): number {
    return Number(headerValue(this.source, 'Nats-Sequence'));
  }

  get created(): Date {
    return new Date(headerValue(this.source, 'Nats-Time-Stamp') ?? NaN);
  }
}

/** A value read from the leader. */
class StoredEntry<T> extends BaseEntry<T> {
  readonly delta = 0;
  readonly initial = false;

  constructor(
    bucket: Bucket<T>,
    key: string,
    operation: KeyValueOperation,
    bytes: Uint8Array,
    private readonly source: WireStoredMessage,
  ) {
    super(bucket.name, key, operation, bytes, bucket.codec);
  }

  get revision(): number {
    return this.source.seq;
  }

  get created(): Date {
    return new Date(this.source.time);
  }
}
