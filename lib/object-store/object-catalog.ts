import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { nuid } from '@nats-io/transport-node';
import {
  BucketNotFoundError,
  JetStreamApiError,
  MessageNotFoundError,
  NoStreamResponseError,
  ObjectDeletedError,
  ObjectNotFoundError,
  PublishTimeoutError,
  StreamNotFoundError,
  WrongLastSequenceError,
} from '../errors/index.js';
import type { JetStreamService, PublishOptions } from '../jetstream/index.js';
import { parseObjectInfo, toObjectInfo, type ObjectInfo, type WireObjectInfo } from './object-info.js';
import type { ObjectNames } from './object-names.js';

/** A stored description with what is needed to replace it. */
export interface ObjectRecord {
  readonly wire: WireObjectInfo;
  readonly info: ObjectInfo;
}

/** A message of the bucket's stream. */
export interface BucketMessage {
  readonly sequence: number;
  /** The value of its `Nats-Msg-Id` header, empty where it has none. */
  readonly id: string;
}

/**
 * The descriptions of a bucket's objects, and the few operations on its stream that writing objects takes.
 *
 * Everything is asked of the stream's leader: a replica may not know yet that an object was replaced, and would lead to
 * chunks that are gone.
 */
export class ObjectCatalog {
  constructor(
    private readonly jetstream: JetStreamService,
    readonly names: ObjectNames,
  ) {}

  /** The description of an object, of a deleted one too; `undefined` where there is none. */
  async find(name: string): Promise<ObjectRecord | undefined> {
    const subject = this.names.info(name);
    const message = await this.getMessage({ last_by_subj: subject });
    if (!message) return undefined;
    const { bucket } = this.names;
    const wire = parseObjectInfo(Buffer.from(message.data ?? '', 'base64').toString('utf8'), bucket, subject);
    return { wire, info: toObjectInfo(wire, bucket, message.seq, new Date(message.time)) };
  }

  /**
   * The description of an object.
   *
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError} unless `showDeleted`
   */
  async get(name: string, showDeleted = false): Promise<ObjectRecord> {
    const record = await this.find(name);
    if (!record) throw new ObjectNotFoundError(this.names.bucket, name);
    if (record.info.deleted && !showDeleted) throw new ObjectDeletedError(this.names.bucket, name);
    return record;
  }

  /**
   * Writes a description in place of the one that is there, and never over one that it has not seen: when somebody else
   * writes in between, `make` is asked again.
   *
   * @param make gives the new description for the one that is there, or the same to leave it as it is, or throws
   * @returns what was there before, and what is there now
   */
  async replace(
    name: string,
    make: (current: ObjectRecord | undefined) => WireObjectInfo,
  ): Promise<{ readonly previous: ObjectRecord | undefined; readonly info: ObjectInfo }> {
    for (let attempt = 1; ; attempt++) {
      const previous = await this.find(name);
      const wire = make(previous);
      if (previous && wire === previous.wire) return { previous, info: previous.info };
      try {
        const revision = await this.publish(wire, previous?.info.revision ?? 0);
        return { previous, info: toObjectInfo(wire, this.names.bucket, revision, new Date()) };
      } catch (error) {
        if (!(error instanceof WrongLastSequenceError) || attempt === REPLACE_ATTEMPTS) throw error;
        await delay(CONFLICT_PAUSE);
      }
    }
  }

  /** Removes the messages of a subject, up to a sequence where one is given. */
  async purge(subject: string, upTo?: number): Promise<void> {
    const { stream } = this.names;
    const body = { filter: subject, ...(upTo !== undefined && { seq: upTo + 1 }) };
    await this.ofStream(() => this.jetstream.api.call(`STREAM.PURGE.${stream}`, body, { stream }));
  }

  /** Removes one message; does nothing where it is gone already. */
  async deleteMessage(sequence: number): Promise<void> {
    const { stream } = this.names;
    const body = { seq: sequence, no_erase: true };
    try {
      await this.ofStream(() => this.jetstream.api.call(`STREAM.MSG.DELETE.${stream}`, body, { stream }));
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || (await this.getMessage({ seq: sequence }))) throw error;
    }
  }

  /** The first message of a subject at or after a sequence; `undefined` where there is none. */
  async nextMessage(subject: string, sequence: number): Promise<BucketMessage | undefined> {
    const message = await this.getMessage({ next_by_subj: subject, seq: sequence });
    if (!message) return undefined;
    const headers = Buffer.from(message.hdrs ?? '', 'base64').toString('utf8');
    return { sequence: message.seq, id: /^Nats-Msg-Id: *(.*)\r$/im.exec(headers)?.[1] ?? '' };
  }

  /** The sequence of the last message of a subject, which may have wildcards; 0 where there is none. */
  async lastSequence(subject: string): Promise<number> {
    return (await this.getMessage({ last_by_subj: subject }))?.seq ?? 0;
  }

  /** How many messages a subject has. */
  async countMessages(subject: string): Promise<number> {
    const { stream } = this.names;
    const { state } = await this.ofStream(() =>
      this.jetstream.api.call<{ readonly state: { readonly subjects?: Readonly<Record<string, number>> } }>(
        `STREAM.INFO.${stream}`,
        { subjects_filter: subject },
        { stream },
      ),
    );
    return state.subjects?.[subject] ?? 0;
  }

  /**
   * Publishes a description, again where its fate is unknown: its message id keeps it from being stored twice.
   *
   * @returns the revision
   * @throws {@link WrongLastSequenceError} where `expected` is not the subject's last sequence any more
   * @throws {@link PublishTimeoutError}, {@link NoStreamResponseError} where it may or may not be stored
   */
  private async publish(wire: WireObjectInfo, expected: number): Promise<number> {
    const subject = this.names.info(wire.name);
    const data = JSON.stringify(wire);
    const messageId = nuid.next();
    const options: PublishOptions = {
      headers: { 'Nats-Rollup': 'sub' },
      messageId,
      expect: { stream: this.names.stream, lastSubjectSequence: expected },
    };
    let doubt: Error | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.jetstream.publish(subject, data, options)).sequence;
      } catch (error) {
        if (isUnanswered(error)) doubt ??= error;
        if (!doubt || !(isUnanswered(error) || error instanceof WrongLastSequenceError)) throw error;
        const last = await this.nextMessage(subject, expected + 1);
        if (last?.id === messageId) return last.sequence;
        // Another description may have taken the place of this one, or may have been the first.
        if (last || attempt === PUBLISH_ATTEMPTS) throw doubt;
      }
    }
  }

  private async getMessage(body: object): Promise<WireMessage | undefined> {
    const { stream } = this.names;
    try {
      const { message } = await this.ofStream(() =>
        this.jetstream.api.call<{ readonly message: WireMessage }>(`STREAM.MSG.GET.${stream}`, body, {
          stream,
        }),
      );
      return message;
    } catch (error) {
      if (error instanceof MessageNotFoundError) return undefined;
      throw error;
    }
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

interface WireMessage {
  readonly seq: number;
  readonly time: string;
  readonly data?: string;
  readonly hdrs?: string;
}

const CONFLICT_PAUSE = 5;
const REPLACE_ATTEMPTS = 500;
const PUBLISH_ATTEMPTS = 5;

/** Whether the error of a publish leaves open what became of the message. */
export function isUnanswered(error: unknown): error is PublishTimeoutError | NoStreamResponseError {
  return error instanceof PublishTimeoutError || error instanceof NoStreamResponseError;
}
