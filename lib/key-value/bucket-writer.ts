import { Buffer } from 'node:buffer';
import { headers as createHeaders, nuid, type MsgHdrs } from '@nats-io/transport-node';
import {
  JetStreamNotEnabledError,
  KeyTtlDisabledError,
  NoRespondersError,
  NoStreamResponseError,
  PayloadTooLargeError,
  PublishTimeoutError,
  RequestTimeoutError,
  RevisionMismatchError,
  StreamFeatureDisabledError,
  StreamNotFoundError,
  WrongLastSequenceError,
  isTransient,
  type ApiErrorBody,
  type JetStreamApiError,
} from '../errors/index.js';
import type { RunningOperation } from '../instruments/index.js';
import { type CallOptions, PubAckReader, waitOf, withInstruments } from '../jetstream/index.js';
import type { RequestOptions } from '../requests/index.js';
import { Backoff, Deadline, sleep, toTtl, untilAborted } from '../timing/index.js';
import { throwIfAborted } from '../user-code/index.js';
import { validateRevision, type BucketReader, type StoredChange } from './bucket-reader.js';
import type { Bucket } from './bucket.js';
import { headerValue, type KeyValueOperation } from './key-value-entry.js';

/** The conditions and options of a write. */
export interface WriteConditions extends CallOptions {
  /** The expected revision of the key: 0 for none. */
  readonly revision?: number | undefined;
  /** How long the server keeps it, in milliseconds. */
  readonly ttl?: number | undefined;
  /** Adds the headers of instruments. */
  readonly operation?: RunningOperation | undefined;
}

/** Identifies a conditional write, so that its writer recognizes it if the acknowledgement was lost. */
const WRITE_ID = 'KV-Write-Id';
const EXPECTED_REVISION = 'Nats-Expected-Last-Subject-Sequence';
/** The number of attempts without a response from a stream, after which the existence of the bucket is checked. */
const ATTEMPTS_WITHOUT_STREAM = 3;
/** The pauses before a write that was not stored is sent again, in milliseconds. */
const PAUSES = { first: 250, longest: 1_000 };
/** The longest time for reading the stored state after a write that was not acknowledged in time, in milliseconds. */
const LONGEST_LOOK_UP = 1_000;

const NOTHING = new Uint8Array(0);

/**
 * Writes values and removals, and reads the acknowledgements.
 *
 * A write that failed with a temporary refusal, or without a response from a stream, is sent again until its timeout.
 * If the outcome of a write is unknown, the stored state decides: see {@link settleUnknown}.
 */
export class BucketWriter<T> {
  private readonly acks = new PubAckReader();

  constructor(
    private readonly bucket: Bucket<T>,
    private readonly reader: BucketReader<T>,
  ) {}

  /** Puts a value regardless of the current one. It uses no headers, which makes it fast. */
  put(key: string, value: T | Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      const data = this.bucket.encode(value);
      this.send(this.writing('PUT', key, data, undefined, UNCONDITIONAL, resolve, reject));
    });
  }

  /** Puts a value regardless of the current one, with the options of a call. */
  async putWithin(
    key: string,
    value: T | Uint8Array,
    options: CallOptions,
    operation?: RunningOperation,
  ): Promise<number> {
    const wait = { ...waitOf(options), operation };
    throwIfAborted(wait.signal);
    const put = new Promise<number>((resolve, reject) => {
      const data = this.bucket.encode(value);
      this.send(this.writing('PUT', key, data, undefined, wait, resolve, reject));
    });
    return untilAborted(wait.signal, put);
  }

  /** Puts a value under conditions. @throws {@link RevisionMismatchError}, {@link KeyTtlDisabledError} */
  putIf(key: string, value: T | Uint8Array, conditions: WriteConditions): Promise<number> {
    const put = new Promise<number>((resolve, reject) => {
      throwIfAborted(conditions.signal);
      const headers = this.conditionHeaders(conditions);
      const data = this.bucket.encode(value);
      this.send(this.writing('PUT', key, data, headers, conditions, resolve, reject));
    });
    return untilAborted(conditions.signal, put);
  }

  /** Marks a key as removed; `PURGE` removes its history too. */
  remove(key: string, operation: 'DEL' | 'PURGE', conditions: WriteConditions): Promise<number> {
    const removal = new Promise<number>((resolve, reject) => {
      throwIfAborted(conditions.signal);
      const headers = this.conditionHeaders(conditions);
      headers.set('KV-Operation', operation);
      if (operation === 'PURGE') headers.set('Nats-Rollup', 'sub');
      this.send(this.writing(operation, key, NOTHING, headers, conditions, resolve, reject));
    });
    return untilAborted(conditions.signal, removal);
  }

  private writing(
    operation: KeyValueOperation,
    key: string,
    data: Uint8Array,
    given: MsgHdrs | undefined,
    conditions: WriteConditions,
    resolve: (revision: number) => void,
    reject: (error: unknown) => void,
  ): Writing {
    const { bucket } = this;
    const { revision, timeout, signal } = conditions;
    bucket.check(key);
    const subject = bucket.writePrefix + key;
    const headers = withInstruments(given, { subject, data }, conditions.operation);
    const { maxPayload } = bucket.jetstream.connection;
    const size = data.length + (headers ? sizeOf(headers) : 0);
    if (size > maxPayload) throw new PayloadTooLargeError(subject, size, maxPayload);
    const writing: Writing = {
      operation,
      key,
      subject,
      data,
      options: NO_OPTIONS,
      revision,
      timeout,
      resolve,
      reject,
      repeated: false,
      attempts: 0,
      deadline: undefined,
      backoff: undefined,
    };
    if (conditions === UNCONDITIONAL) return writing;
    // At most one copy of a write that expects a revision can be stored, so it is safe to send it again.
    writing.options =
      revision === undefined
        ? { headers, timeout, signal }
        : { headers, timeout, signal, idempotent: true, onRepeat: () => (writing.repeated = true) };
    return writing;
  }

  private send(writing: Writing): void {
    const { requests } = this.bucket.jetstream;
    requests.send(writing.subject, writing.data, writing.options, (error, reply) => {
      if (!reply) return this.failed(writing, error);
      try {
        writing.resolve(this.acks.read(reply.data, writing.subject).sequence);
      } catch (refusal) {
        this.refused(writing, refusal);
      }
    });
  }

  private failed(writing: Writing, error: Error | undefined): void {
    if (error instanceof NoRespondersError) {
      void this.unanswered(writing);
    } else if (error instanceof RequestTimeoutError) {
      if (error.sent) void this.settleUnknown(writing);
      else writing.reject(this.timedOut(writing, false));
    } else {
      writing.reject(error);
    }
  }

  private refused(writing: Writing, refusal: unknown): void {
    if (writing.repeated && refusal instanceof WrongLastSequenceError) {
      // The server may refuse this copy because it has already stored an earlier one.
      void this.settleUnknown(writing, refusal);
    } else if (!isTransient(refusal) || !this.sendLater(writing)) {
      writing.reject(this.translated(writing, refusal));
    }
  }

  /**
   * Retries a write that was not stored: no server answers while a leader is elected. It does not wait for a deleted
   * bucket.
   */
  private async unanswered(writing: Writing): Promise<void> {
    const attempts = ++writing.attempts;
    const cause = attempts === ATTEMPTS_WITHOUT_STREAM ? await this.missing(writing) : undefined;
    if (cause === undefined && this.sendLater(writing)) return;
    writing.reject(new NoStreamResponseError(writing.subject, attempts, cause && { cause }));
  }

  /** The error for a write whose stream does not exist. */
  private async missing(writing: Writing): Promise<Error | undefined> {
    const { jetstream, stream } = this.bucket;
    try {
      const timeout = Math.max(1, this.deadlineOf(writing).left);
      await jetstream.api.call(`STREAM.INFO.${stream}`, undefined, {
        stream,
        timeout,
        signal: writing.options.signal,
      });
    } catch (error) {
      if (error instanceof StreamNotFoundError || error instanceof JetStreamNotEnabledError) return error;
    }
    return undefined;
  }

  /** Sends a write again after a pause. @returns `false` if its timeout leaves no time for that */
  private sendLater(writing: Writing): boolean {
    const deadline = this.deadlineOf(writing);
    writing.backoff ??= new Backoff(PAUSES);
    const pause = writing.backoff.next();
    if (deadline.left <= pause) return false;
    // The connection keeps the process alive while that is needed.
    void sleep(pause, undefined, { keepsAlive: false }).then(() => {
      writing.options = { ...writing.options, timeout: Math.max(1, deadline.left) };
      this.send(writing);
    });
    return true;
  }

  private deadlineOf(writing: Writing): Deadline {
    return (writing.deadline ??= new Deadline(this.timeoutOf(writing)));
  }

  private timeoutOf({ timeout }: Writing): number {
    return timeout ?? this.bucket.jetstream.connection.timeout;
  }

  private timedOut(writing: Writing, sent: boolean): PublishTimeoutError {
    return new PublishTimeoutError(writing.subject, this.timeoutOf(writing), undefined, sent);
  }

  /**
   * Determines the outcome from the stored state. A conditional write is the next change after the revision that it
   * expected, and has its id; or it was not stored, if that change is another one that expected the same revision. It
   * may also have been stored and overwritten, and then nothing tells. Any other write succeeded if the key has the
   * written value, or no value after a removal.
   */
  private async settleUnknown(writing: Writing, refusal?: WrongLastSequenceError): Promise<void> {
    const { key, revision, options } = writing;
    const timeout = Math.min(LONGEST_LOOK_UP, this.timeoutOf(writing));
    let error: unknown = this.timedOut(writing, true);
    try {
      const stored = await this.reader.stored(key, revision, { timeout, signal: options.signal });
      if (stored && isSame(writing, stored)) return writing.resolve(stored.revision);
      if (refusal && stored && expects(stored, revision)) error = this.translated(writing, refusal);
    } catch {
      // The stored state is unknown, and so is the outcome.
    }
    writing.reject(error);
  }

  /** Converts an error of the stream to the corresponding error of a bucket or key. */
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
      headers.set(EXPECTED_REVISION, String(revision));
      headers.set(WRITE_ID, nuid.next());
    }
    if (ttl !== undefined) {
      const seconds = toTtl(ttl, 'ttl');
      this.bucket.jetstream.connection.require('A ttl of a single key', '2.11.0');
      headers.set('Nats-TTL', seconds);
    }
    return headers;
  }
}

interface Writing {
  readonly operation: KeyValueOperation;
  readonly key: string;
  readonly subject: string;
  readonly data: Uint8Array;
  options: RequestOptions;
  readonly revision: number | undefined;
  readonly timeout: number | undefined;
  readonly resolve: (revision: number) => void;
  readonly reject: (error: unknown) => void;
  /** Whether it may have reached the server more than once. */
  repeated: boolean;
  /** The number of attempts without a response from a stream. */
  attempts: number;
  /** The deadline of retries; created after the first failure. */
  deadline: Deadline | undefined;
  backoff: Backoff | undefined;
}

function isSame({ operation, data, options, revision }: Writing, stored: StoredChange): boolean {
  if (revision !== undefined) return headerValue(stored.headers, WRITE_ID) === options.headers?.get(WRITE_ID);
  if (operation !== 'PUT') return stored.operation !== 'PUT';
  return stored.operation === 'PUT' && Buffer.compare(stored.bytes, data) === 0;
}

/** Whether a change was stored on the condition that the key was at a revision. */
function expects({ headers }: StoredChange, revision: number | undefined): boolean {
  return revision !== undefined && headerValue(headers, EXPECTED_REVISION) === String(revision);
}

const NO_OPTIONS: RequestOptions = {};
const UNCONDITIONAL: WriteConditions = {};

/** The size of headers on the wire: `NATS/1.0`, a line for each, and an empty line. */
function sizeOf(headers: MsgHdrs): number {
  let size = 12;
  for (const [name, values] of headers) for (const value of values) size += name.length + value.length + 4;
  return size;
}

function toBody({ status, code, description }: JetStreamApiError): ApiErrorBody {
  return { code: status, err_code: code, description };
}
