import { headers as newHeaders, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import {
  InvalidPubAckError,
  ObjectIncompleteError,
  ObjectTransferStalledError,
  PublishRefusedError,
  StreamFullError,
  type ApiErrorBody,
} from '../errors/index.js';
import type { Requests } from '../requests/index.js';
import { Deadline, sleep } from '../timing/index.js';
import type { ObjectCatalog, Patience } from './object-catalog.js';
import { SendWindow } from './send-window.js';
import { isUnanswered, mayPassForPublish } from './transient.js';

/** The options of a {@link ChunkUpload}. */
export interface ChunkUploadOptions {
  /** The name of the object, for errors. */
  readonly object: string;
  /** The id of this version of the object. */
  readonly id: string;
  /** In bytes. */
  readonly chunkSize: number;
  /** How long to wait for the acknowledgement of a chunk, in milliseconds. */
  readonly timeout: number;
  /** How long no chunk may be acknowledged before the upload fails, in milliseconds. */
  readonly stallTimeout: number;
  /** Called when the upload cannot continue, even if no call of `send` or `finish` is pending. */
  readonly onFailure: (reason: unknown) => void;
}

/**
 * Stores the chunks of one object: in order, each exactly once, with a window of chunks in flight.
 *
 * Usually chunks are only published, and the sequences in the acknowledgements show that they were stored in order. If
 * a chunk is refused or its acknowledgement does not arrive, later chunks may already have been stored. Then no chunks
 * are sent until the outcome of all sent chunks is known, and the upload reads the stream from the first doubtful chunk
 * on: a chunk that is stored in its place is kept, one that is out of place is deleted, and a missing one is sent again
 * on the condition that the subject's last message is the chunk before it. So no chunk can be stored twice, even if an
 * earlier attempt arrives late.
 */
export class ChunkUpload {
  private readonly subject: string;
  private readonly window: SendWindow;
  /** Chunks that are not known to be stored in their place, in order. */
  private readonly pending: Chunk[] = [];
  private pendingBytes = 0;
  private awaitedReplies = 0;
  private given = 0;
  private refused = 0;
  private lastSequence = 0;
  private progressAt = 0;
  private state: 'sending' | 'doubtful' | 'repairing' = 'sending';
  private repaired = false;
  /** The number of failed repair steps since a chunk was last stored. */
  private failedSteps = 0;
  /** Why the upload failed; a signal's reason may be any value. */
  private failure: { readonly reason: unknown } | undefined;
  private heardAt = 0;
  private unanswered = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly requests: Requests,
    private readonly catalog: ObjectCatalog,
    private readonly options: ChunkUploadOptions,
  ) {
    this.subject = catalog.names.chunks(options.id);
    this.window = new SendWindow(options.chunkSize);
  }

  /** The number of chunks passed to `send`. */
  get chunks(): number {
    return this.given;
  }

  /** Whether the stream may have chunks of this upload, because not all of them were refused. */
  get leftovers(): boolean {
    return this.given > this.refused;
  }

  /** When the server last responded, on the clock of `performance.now()`. */
  get lastAnswer(): number {
    return this.heardAt;
  }

  /** Whether a chunk may be stored after this upload has ended, because its response did not arrive. */
  get inDoubt(): boolean {
    return this.unanswered;
  }

  /** Sends a chunk as soon as the window has room for it. The chunk must not be changed afterwards. */
  async send(data: Uint8Array): Promise<void> {
    while (!this.failure && !this.hasRoom(data.length)) await this.change();
    if (this.failure) throw this.failure.reason;
    const chunk: Chunk = {
      index: this.given++,
      data,
      attempt: 0,
      sequence: 0,
      duplicate: false,
      unconditional: false,
      sentAt: performance.now(),
    };
    if (this.pending.length === 0) this.progressAt = chunk.sentAt;
    this.pending.push(chunk);
    this.pendingBytes += data.length;
    this.awaitedReplies++;
    const options = { headers: this.headersOf(chunk), timeout: this.options.timeout, idempotent: true };
    this.requests.send(this.subject, data, options, (error, reply) => this.onReply(chunk, error, reply));
  }

  /** Resolves when all chunks are stored in order, each exactly once. */
  async finish(): Promise<void> {
    while (!this.failure && this.pending.length > 0) await this.change();
    if (!this.failure && this.repaired) await this.checkCount();
    if (this.failure) throw this.failure.reason;
  }

  /** Fails the upload: pending calls of `send` and `finish` reject with the reason, and no more chunks are sent. */
  fail(reason: unknown): void {
    if (this.failure) return;
    this.failure = { reason };
    this.options.onFailure(reason);
    this.wake?.();
  }

  /** Resolves when, after a failure, no chunks are in flight and the stored ones can be purged. */
  async settled(): Promise<void> {
    while (this.awaitedReplies > 0 || this.state === 'repairing') await this.change();
  }

  private hasRoom(bytes: number): boolean {
    if (this.state !== 'sending') return false;
    return this.pending.length === 0 || this.pendingBytes + bytes <= this.window.size;
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private onReply(chunk: Chunk, error: Error | undefined, reply: Msg | undefined): void {
    this.awaitedReplies--;
    if (reply) this.heardAt = performance.now();
    else if (isUnanswered(error)) this.unanswered = true;
    const refusal = error ?? this.readAck(chunk, reply);
    if (!refusal) this.window.acknowledged(chunk.data.length, performance.now() - chunk.sentAt);
    else if (isTransient(refusal)) this.state = 'doubtful';
    else this.refuse(refusal);
    this.confirm();
    if (this.state === 'doubtful' && this.awaitedReplies === 0 && !this.failure) void this.repair();
    this.wake?.();
  }

  private refuse(error: Error): void {
    if (error instanceof PublishRefusedError) this.refused++;
    this.fail(error);
  }

  /** Removes chunks that are stored in their place from the list. */
  private confirm(): void {
    for (let chunk = this.pending.at(0); chunk && chunk.sequence > 0; chunk = this.pending.at(0)) {
      if (chunk.sequence > this.lastSequence) this.confirmFirst(chunk.sequence);
      else return void (this.state = 'doubtful');
    }
  }

  private confirmFirst(sequence: number): void {
    this.lastSequence = sequence;
    this.pendingBytes -= this.pending.shift()?.data.length ?? 0;
    this.progressAt = performance.now();
    this.failedSteps = 0;
  }

  private async repair(): Promise<void> {
    this.state = 'repairing';
    this.repaired = true;
    this.window.refused();
    try {
      for (let chunk = this.pending.at(0); chunk && !this.failure; chunk = this.pending.at(0)) {
        await this.repairFirst(chunk);
      }
    } catch (error) {
      this.fail(error);
    }
    this.state = 'sending';
    this.wake?.();
  }

  /** Takes one step towards storing the first doubtful chunk in its place. */
  private async repairFirst(chunk: Chunk): Promise<void> {
    const { object, stallTimeout } = this.options;
    const patience = { deadline: new Deadline(this.progressAt + stallTimeout - performance.now()) };
    try {
      if (chunk.sequence > 0 && chunk.sequence <= this.lastSequence)
        await this.remove(chunk, chunk.sequence, patience);
      const stored = await this.catalog.nextMessage(this.subject, this.lastSequence + 1, patience);
      if (!stored) await this.sendAgain(chunk);
      else if (this.indexOf(stored.id) === chunk.index) this.confirmFirst(stored.sequence);
      else await this.remove(this.pendingOf(stored.id), stored.sequence, patience);
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (performance.now() - this.progressAt > stallTimeout) {
        throw new ObjectTransferStalledError(this.catalog.names.bucket, object, stallTimeout, {
          cause: error,
        });
      }
      await sleep(Math.min(MAXIMUM_PAUSE, MINIMUM_PAUSE * 2 ** this.failedSteps++));
    }
  }

  private async sendAgain(chunk: Chunk): Promise<void> {
    const headers = this.headersOf(chunk);
    if (!chunk.unconditional) headers.set('Nats-Expected-Last-Subject-Sequence', String(this.lastSequence));
    const { timeout } = this.options;
    const reply = await this.requests.request(this.subject, chunk.data, { headers, timeout });
    this.heardAt = performance.now();
    const refusal = this.readAck(chunk, reply);
    // If the stream still has nothing after the last chunk, the condition failed because of a defect of nats-server
    // 2.10: after deletions it may forget the last message of a subject. Only the message id then prevents the chunk
    // from being stored twice.
    chunk.unconditional = refusal instanceof PublishRefusedError && refusal.code === WRONG_LAST_SEQUENCE;
    if (refusal) throw refusal;
    // A duplicate is stored where its first attempt was, which has yet to be checked.
    if (!chunk.duplicate) this.confirmFirst(chunk.sequence);
  }

  /** Deletes a message that is out of place. */
  private async remove(chunk: Chunk | undefined, sequence: number, patience: Patience): Promise<void> {
    await this.catalog.deleteMessage(sequence, patience);
    if (!chunk) return;
    // The stream also remembers the ids of deleted messages, so the chunk must be sent with a new id.
    chunk.attempt++;
    chunk.sequence = 0;
  }

  private async checkCount(): Promise<void> {
    const count = await this.catalog.countMessages(this.subject);
    if (count === this.given) return;
    this.fail(new ObjectIncompleteError(this.catalog.names.bucket, this.options.object, this.given, count));
  }

  private headersOf({ index, attempt }: Chunk): MsgHdrs {
    const result = newHeaders();
    result.set('Nats-Msg-Id', `${this.options.id}.${index}.${attempt}`);
    return result;
  }

  private pendingOf(id: string): Chunk | undefined {
    const index = this.indexOf(id);
    return this.pending.find((chunk) => chunk.index === index);
  }

  private indexOf(id: string): number {
    const prefix = `${this.options.id}.`;
    return id.startsWith(prefix) ? Number.parseInt(id.slice(prefix.length), 10) : -1;
  }

  private get adviceOnFull(): string {
    const { catalog, options } = this;
    return (
      `Object ${JSON.stringify(options.object)} does not fit into bucket "${catalog.names.bucket}": ` +
      'delete objects, or raise maxBytes of the bucket.'
    );
  }

  /** Records where the chunk is stored. @returns the error if it is not stored */
  private readAck(chunk: Chunk, reply: Msg | undefined): Error | undefined {
    let ack: ChunkAck | undefined;
    try {
      ack = reply?.json<ChunkAck>();
    } catch (cause) {
      return new InvalidPubAckError(this.subject, 'it is not JSON', { cause });
    }
    if (ack?.error) {
      return ack.error.err_code === STORE_FAILED
        ? new StreamFullError(this.subject, ack.error, this.adviceOnFull)
        : new PublishRefusedError(this.subject, ack.error);
    }
    if (!ack?.seq) return new InvalidPubAckError(this.subject, 'it does not contain a sequence');
    chunk.sequence = ack.seq;
    chunk.duplicate = ack.duplicate ?? false;
    return undefined;
  }
}

interface Chunk {
  readonly index: number;
  readonly data: Uint8Array;
  readonly sentAt: number;
  /** Part of the message id, so that a chunk that was stored and deleted is not taken for a duplicate. */
  attempt: number;
  /** Its sequence in the stream; 0 while it is unknown. */
  sequence: number;
  duplicate: boolean;
  /** Whether it is sent again without a condition on the message before it. */
  unconditional: boolean;
}

interface ChunkAck {
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: ApiErrorBody;
}

const MINIMUM_PAUSE = 20;
const MAXIMUM_PAUSE = 1_000;
const STORE_FAILED = 10077;
const WRONG_LAST_SEQUENCE = 10071;

// A wrong last sequence means that an earlier attempt is still being stored.
function isTransient(error: unknown): boolean {
  return (
    mayPassForPublish(error) || (error instanceof PublishRefusedError && error.code === WRONG_LAST_SEQUENCE)
  );
}
