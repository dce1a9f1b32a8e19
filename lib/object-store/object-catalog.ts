import { Buffer } from 'node:buffer';
import { nuid } from '@nats-io/transport-node';
import {
  BucketNotFoundError,
  ConnectionClosedError,
  InvalidObjectInfoError,
  JetStreamApiError,
  MessageNotFoundError,
  ObjectDeletedError,
  ObjectDescriptionTooLargeError,
  ObjectNotFoundError,
  PayloadTooLargeError,
  StreamNotFoundError,
  WrongLastSequenceError,
} from '../errors/index.js';
import type { RunningOperation } from '../instruments/index.js';
import {
  type CallOptions,
  inSteps,
  type JetStreamService,
  type LeaderQuery,
  type PublishOptions,
  readFromLeader,
  type StreamOrigin,
  type WireStoredMessage,
} from '../jetstream/index.js';
import { Deadline, retry, sleep } from '../timing/index.js';
import { abortError, throwIfAborted } from '../user-code/index.js';
import { type ObjectInfo, parseObjectInfo, toObjectInfo, type WireObjectInfo } from './object-info.js';
import type { ObjectNames } from './object-names.js';
import { isUnanswered, mayPass, mayPassForPublish, PAUSES } from './transient.js';

/** A stored description with the data needed to replace it. */
export interface ObjectRecord {
  readonly wire: WireObjectInfo;
  readonly info: ObjectInfo;
}

/** A message of the bucket's stream. */
export interface BucketMessage {
  readonly sequence: number;
  /** The value of its `Nats-Msg-Id` header; empty if it has none. */
  readonly id: string;
}

/**
 * Returns the new description for the current one and its revision, 0 if there is none; or the same one to leave it
 * unchanged; or throws.
 */
export type MakeDescription = (current: ObjectRecord | undefined, revision: number) => WireObjectInfo;

/** How long an operation of a bucket may take, and what ends it. */
export interface Patience {
  readonly deadline: Deadline;
  /** No more requests are sent when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of replacing a description. */
export interface ReplaceOptions {
  /** Default: a few times the timeout of a request. */
  readonly patience?: Patience;
  /** Also replaces an invalid description, as if there was none. Default: it is an error. */
  readonly repair?: boolean;
  /** Called before an error is thrown that leaves unknown whether the new description is stored. */
  readonly onUnknown?: () => void;
  /** Adds the headers of instruments to the new description. */
  readonly operation?: RunningOperation | undefined;
}

/**
 * The descriptions of a bucket's objects, and the operations on its stream that are needed for writing objects.
 *
 * Everything is read from the stream's leader: a replica may not know yet that an object was replaced, and its
 * description could refer to chunks that no longer exist. While the stream has no leader, operations that are safe to
 * repeat are retried.
 */
export class ObjectCatalog {
  constructor(
    readonly jetstream: JetStreamService,
    readonly names: ObjectNames,
    /** When the stream of the bucket was created, as known when it was opened. */
    readonly origin: StreamOrigin,
    /** Whether several servers store the bucket, so that one may be behind the others. */
    readonly replicated: boolean,
  ) {}

  /** How long an operation may take. Without its own timeout it is longer than a request, because of elections. */
  patience({ timeout, signal }: CallOptions = {}): Patience {
    return { deadline: new Deadline(timeout ?? this.jetstream.connection.timeout * PATIENCE), signal };
  }

  /** Runs an operation that is safe to repeat within the limits of a call; it is retried while the stream has no leader. */
  retried<R>(options: CallOptions, operation: (wait: CallOptions) => Promise<R>): Promise<R> {
    return inSteps(options, (left) => this.persist(operation, this.patience(left)));
  }

  /**
   * The description of an object, also of a deleted one; `undefined` if there is none.
   *
   * @throws {@link InvalidObjectInfoError}
   */
  async find(name: string, patience = this.patience()): Promise<ObjectRecord | undefined> {
    const message = await this.last(this.names.info(name), patience);
    return message && this.read(message, name);
  }

  /** The revision of an object, 0 if there is none, with its description unless it is invalid. */
  async revision(
    name: string,
    patience: Patience,
  ): Promise<{ readonly revision: number; readonly record: ObjectRecord | undefined }> {
    const message = await this.last(this.names.info(name), patience);
    return {
      revision: message?.seq ?? 0,
      record: message && this.readToReplace(message, name, { repair: true }),
    };
  }

  /**
   * The description of an object.
   *
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError} unless `showDeleted`
   */
  async get(name: string, showDeleted = false, patience?: Patience): Promise<ObjectRecord> {
    const record = await this.find(name, patience);
    if (!record) throw new ObjectNotFoundError(this.names.bucket, name);
    if (record.info.deleted && !showDeleted) throw new ObjectDeletedError(this.names.bucket, name);
    return record;
  }

  /**
   * Replaces the current description, and never one that it has not read: if another client writes in between, `make`
   * is called again.
   *
   * @returns the previous and the current description
   */
  async replace(
    name: string,
    make: MakeDescription,
    options: ReplaceOptions = {},
  ): Promise<{ readonly previous: ObjectRecord | undefined; readonly info: ObjectInfo }> {
    const { patience = this.patience() } = options;
    for (let attempt = 1; ; attempt++) {
      const message = await this.last(this.names.info(name), patience);
      const previous = message && this.readToReplace(message, name, options);
      const wire = make(previous, message?.seq ?? 0);
      if (previous && wire === previous.wire) return { previous, info: previous.info };
      throwIfAborted(patience.signal);
      try {
        const revision = await this.publish(wire, message?.seq ?? 0, patience.deadline, options);
        return { previous, info: toObjectInfo(wire, this.names.bucket, revision, new Date()) };
      } catch (error) {
        if (!(error instanceof WrongLastSequenceError) || attempt === REPLACE_ATTEMPTS) throw error;
        await sleep(CONFLICT_PAUSE);
      }
    }
  }

  /** Removes the messages of a subject, up to a sequence if one is given. */
  async purge(subject: string, upTo?: number, patience = this.patience()): Promise<void> {
    const body = { filter: subject, ...(upTo !== undefined && { seq: upTo + 1 }) };
    await this.ask('STREAM.PURGE', body, patience);
  }

  /** Removes one message; does nothing if it no longer exists. */
  async deleteMessage(sequence: number, patience: Patience): Promise<void> {
    const { stream } = this.names;
    const body = { seq: sequence, no_erase: true };
    const wait = this.waitOf(patience);
    try {
      await this.ofStream(() =>
        this.jetstream.api.call(`STREAM.MSG.DELETE.${stream}`, body, { ...wait, stream }),
      );
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || (await this.getMessage({ seq: sequence }, patience)))
        throw error;
    }
  }

  /** The first message of a subject at or after a sequence; `undefined` if there is none. */
  async nextMessage(
    subject: string,
    sequence: number,
    patience?: Patience,
  ): Promise<BucketMessage | undefined> {
    const message = await this.getMessage({ next_by_subj: subject, seq: sequence }, patience);
    if (!message) return undefined;
    const headers = Buffer.from(message.hdrs ?? '', 'base64').toString('utf8');
    return { sequence: message.seq, id: /^Nats-Msg-Id: *(.*)\r$/im.exec(headers)?.[1] ?? '' };
  }

  /** How many messages a subject has. */
  async countMessages(subject: string): Promise<number> {
    const { state } = await this.ask<{
      readonly state: { readonly subjects?: Readonly<Record<string, number>> };
    }>('STREAM.INFO', { subjects_filter: subject });
    return state.subjects?.[subject] ?? 0;
  }

  /**
   * Publishes a description, again if its outcome is unknown: its message id prevents it from being stored twice.
   *
   * @returns the revision
   * @throws {@link WrongLastSequenceError} if `expected` is not the subject's last sequence any more
   * @throws {@link PublishTimeoutError}, {@link NoStreamResponseError} or another error if it is unknown whether it is
   * stored; `onUnknown` is called before
   */
  private async publish(
    wire: WireObjectInfo,
    expected: number,
    deadline: Deadline,
    { onUnknown, operation }: ReplaceOptions,
  ): Promise<number> {
    const subject = this.names.info(wire.name);
    const data = JSON.stringify(wire);
    const messageId = nuid.next();
    const { timeout } = this.jetstream.connection;
    const options: PublishOptions = {
      headers: { ...operation?.headersFor({ subject, data, has: isOwnHeader }), 'Nats-Rollup': 'sub' },
      messageId,
      expect: { stream: this.names.stream, lastSubjectSequence: expected },
    };
    let doubt: Error | undefined;
    let looks = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        const limited =
          deadline.left < timeout ? { ...options, timeout: Math.max(1, deadline.left) } : options;
        return (await this.jetstream.publishUnchanged(subject, data, limited)).sequence;
      } catch (error) {
        if (error instanceof PayloadTooLargeError) {
          throw new ObjectDescriptionTooLargeError(this.names.bucket, wire.name, error, { cause: error });
        }
        if (isUnanswered(error)) doubt ??= error;
        else if (!doubt && !(mayPassForPublish(error) && deadline.left > CONFLICT_PAUSE)) throw error;
        if (doubt) {
          const stored = await this.isStored(subject, expected, messageId, deadline);
          if (typeof stored === 'number') return stored;
          if (stored === 'never' || ++looks === PUBLISH_LOOKS || error instanceof ConnectionClosedError) {
            onUnknown?.();
            throw doubt;
          }
        }
        await sleep(Math.min(PAUSES.longest, PAUSES.first * attempt));
      }
    }
  }

  /**
   * Reads from the stream whether a description is stored whose acknowledgement did not arrive.
   *
   * @returns its sequence; `'no'` if it is not stored so far; `'never'` if that cannot be determined, or the
   * description of another client was stored before it, or has already replaced it
   */
  private async isStored(
    subject: string,
    expected: number,
    messageId: string,
    deadline: Deadline,
  ): Promise<number | 'no' | 'never'> {
    try {
      const last = await this.nextMessage(subject, expected + 1, { deadline });
      if (!last) return deadline.passed ? 'never' : 'no';
      return last.id === messageId ? last.sequence : 'never';
    } catch {
      // The caller throws its own error; the failure to clear it up has the same cause.
      return 'never';
    }
  }

  private read(message: WireStoredMessage, name: string): ObjectRecord {
    const { bucket } = this.names;
    const text = Buffer.from(message.data ?? '', 'base64').toString('utf8');
    const wire = parseObjectInfo(text, bucket, this.names.info(name));
    return { wire, info: toObjectInfo(wire, bucket, message.seq, new Date(message.time)) };
  }

  private readToReplace(
    message: WireStoredMessage,
    name: string,
    { repair }: ReplaceOptions,
  ): ObjectRecord | undefined {
    try {
      return this.read(message, name);
    } catch (error) {
      if (repair === true && error instanceof InvalidObjectInfoError) return undefined;
      throw error;
    }
  }

  private last(subject: string, patience: Patience): Promise<WireStoredMessage | undefined> {
    return this.getMessage({ last_by_subj: subject }, patience);
  }

  private async getMessage(query: LeaderQuery, patience?: Patience): Promise<WireStoredMessage | undefined> {
    const { jetstream, names } = this;
    try {
      return await this.persist((wait) => readFromLeader(jetstream.api, names.stream, query, wait), patience);
    } catch (error) {
      if (error instanceof MessageNotFoundError) return undefined;
      throw error;
    }
  }

  /** Requests something from the stream's leader that is safe to request twice. */
  private ask<R extends object>(operation: string, body: object, patience?: Patience): Promise<R> {
    const { jetstream, names } = this;
    const { stream } = names;
    return this.persist(
      (wait) => jetstream.api.call<R>(`${operation}.${stream}`, body, { ...wait, stream }),
      patience,
    );
  }

  /** Retries an operation that is safe to repeat, as long as its failures are temporary. */
  private persist<R>(call: (wait: CallOptions) => Promise<R>, patience = this.patience()): Promise<R> {
    const { deadline, signal } = patience;
    return this.ofStream(() =>
      retry(() => call(this.waitOf(patience)), {
        ...PAUSES,
        retryable: (error) => abortError(signal) === undefined && mayPass(error),
        deadline,
      }),
    );
  }

  /** The options of the next request. */
  private waitOf({ deadline, signal }: Patience): CallOptions {
    const { timeout } = this.jetstream.connection;
    return { timeout: Math.max(1, Math.min(timeout, Math.ceil(deadline.left))), signal };
  }

  private async ofStream<R>(call: () => Promise<R>): Promise<R> {
    try {
      return await call();
    } catch (cause) {
      if (!(cause instanceof StreamNotFoundError)) throw cause;
      throw new BucketNotFoundError('Object Store', this.names.bucket, { cause });
    }
  }
}

/** The headers of a description. */
function isOwnHeader(name: string): boolean {
  return /^nats-/i.test(name);
}

const PATIENCE = 3;
const CONFLICT_PAUSE = 5;
const REPLACE_ATTEMPTS = 500;
const PUBLISH_LOOKS = 5;
