import { Logger } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import { toConnectionError } from '../../connection/index.js';
import {
  BucketNotFoundError,
  RequestTimeoutError,
  RevisionNotReachedError,
  SequenceNotReachedError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { type JetStreamMessage, OrderedPush, type OrderedPushStarted } from '../../jetstream/index.js';
import { within } from '../../timing/index.js';
import type { Bucket } from '../bucket.js';
import { headerText } from '../header-text.js';
import { validateKeyFilter } from '../key-names.js';
import { BaseEntry, type KeyValueEntry, type KeyValueOperation, operationOf } from '../key-value-entry.js';
import { lastRevision } from '../last-revision.js';
import { InitialValues } from './initial-values.js';
import { checkWatchOptions, type KeyValueWatchOptions, watchStart } from './watch-options.js';

/** Stands in the feed where the initial values end. */
export const INITIALIZED = Symbol('initialized');

/** Stands in the feed where it begins from the start, because the bucket was deleted and created again. */
export const RESTARTED = Symbol('restarted');

export type FeedItem<T> = KeyValueEntry<T> | typeof INITIALIZED | typeof RESTARTED;

/** The server is made to wait while this many items are queued, and sends again when half of them are left. */
const HIGH_WATER = 1_024;

/**
 * The changes of keys as a queue: the server pushes into it, and the reader takes from it at its own pace.
 *
 * It goes on by itself after reconnects and server restarts, without a gap and without a repeat. A bucket that was deleted
 * and created again is followed from its start.
 */
export class WatchFeed<T> {
  /** Called when there is something to take, or the feed has ended. Set before `start`. */
  onReady: () => void = () => undefined;
  /** Called when nothing is queued and the server has nothing to send: every change up to that revision was taken. */
  onIdle: (revision: number) => void = () => undefined;
  private readonly logger = new Logger('KeyValue');
  private readonly push: OrderedPush;
  private readonly filters: readonly string[];
  private readonly updatesOnly: boolean;
  private queue: FeedItem<T>[] = [];
  private head = 0;
  private held = false;
  private initialized = false;
  private initialValues: InitialValues;
  private signs = 0;
  /**
   * The last of the initial values as the bucket's leader knows it: the server that delivers may not have heard of it yet.
   */
  private lastInitial = 0;
  private end: { readonly error: Error | undefined } | undefined;

  /**
   * @throws {@link InvalidKeyError} for filters that cannot be right
   * @throws {@link InvalidArgumentError} for options that contradict one another
   */
  constructor(
    private readonly bucket: Bucket<T>,
    keys: readonly string[],
    private readonly options: KeyValueWatchOptions,
    heartbeat?: number,
  ) {
    checkWatchOptions(options);
    for (const key of keys) validateKeyFilter(bucket.name, key);
    this.filters = keys.length === 0 ? ['>'] : keys;
    this.updatesOnly = options.updatesOnly ?? false;
    this.initialValues = this.initialPhase(options.resumeFromRevision === undefined);
    this.push = new OrderedPush(
      bucket.jetstream.api,
      {
        stream: bucket.stream,
        streamCreated: bucket.created,
        filterSubjects: this.filters.map((filter) => bucket.prefix + filter),
        start: watchStart(options),
        verifyStart: options.resumeFromRevision !== undefined,
        missingStreamPatience: bucket.jetstream.connection.timeout,
        headersOnly: options.metaOnly,
        namePrefix: 'kv_watch',
        heartbeat,
      },
      {
        onMessage: (message, revision) => this.receive(message, revision),
        onStart: (start) => this.started(start),
        onIdle: (revision) => this.idle(revision),
        onError: (error) => this.close(error),
      },
    );
  }

  /**
   * @throws {@link BucketNotFoundError}, {@link RevisionNotReachedError}, {@link ConnectionClosedError} and what else the
   * server answers
   */
  async start(): Promise<void> {
    try {
      if (this.bucket.replicated && !this.updatesOnly) await this.findLastInitial();
      await this.push.start();
    } catch (error) {
      throw this.translated(error);
    }
  }

  /** The name of the bucket. */
  get bucketName(): string {
    return this.bucket.name;
  }

  /** The next item, without taking it. */
  peek(): FeedItem<T> | undefined {
    return this.queue[this.head];
  }

  /** The next item, `undefined` if there is none yet or the feed has ended. */
  take(): FeedItem<T> | undefined {
    if (this.head === this.queue.length) return undefined;
    const item = this.queue[this.head++];
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    }
    if (this.held && this.queue.length - this.head <= HIGH_WATER / 2) {
      this.held = false;
      this.push.resume();
    }
    return item;
  }

  /** Set when nothing more will come than what is queued; with the reason, unless it was `stop`. */
  get ended(): { readonly error: Error | undefined } | undefined {
    return this.end;
  }

  /** How often the server gave a sign of life. */
  get signsOfLife(): number {
    return this.signs;
  }

  /**
   * Waits for something that this feed brings, for as long as the server gives signs of life.
   *
   * @throws {@link RequestTimeoutError} if there was none for the connection's timeout; and what the promise rejects with
   */
  async patiently(promise: Promise<unknown>): Promise<void> {
    const { connection } = this.bucket.jetstream;
    for (;;) {
      const { signs } = this;
      if (await within(connection.timeout, promise)) return void (await promise);
      if (signs === this.signs)
        throw new RequestTimeoutError(this.bucket.prefix + this.filters.join(','), connection.timeout);
    }
  }

  /** Ends the feed and forgets what is queued. */
  stop(): void {
    this.queue = [];
    this.head = 0;
    this.close(undefined);
  }

  private initialPhase(allKeys: boolean): InitialValues {
    const phase: InitialValues = new InitialValues(
      this.bucket,
      this.filters,
      allKeys,
      // Where a replica is behind, each key may have come with a value that the leader has replaced: then what comes ends it.
      (revision) => {
        if (phase === this.initialValues && this.isUpTo(revision)) this.complete();
      },
    );
    return phase;
  }

  private started({ pending, restarted }: OrderedPushStarted): void {
    this.signs++;
    if (restarted) this.restart();
    if (this.updatesOnly) this.complete();
    else if (!this.initialized) this.initialValues.started(pending);
  }

  private restart(): void {
    const { name, replicated } = this.bucket;
    this.logger.warn(`Bucket "${name}" was deleted and created again: it is watched from its start`);
    this.add(RESTARTED);
    this.initialized = false;
    this.initialValues.stop();
    this.initialValues = this.initialPhase(true);
    this.lastInitial = 0;
    if (replicated && !this.updatesOnly) {
      // Until the leader has said how far the initial values go, no heartbeat ends them.
      this.lastInitial = Infinity;
      void this.findLastInitial().catch(() => undefined);
    }
  }

  private receive(message: JetStreamMessage, revision: number): void {
    const { bucket, initialized, initialValues } = this;
    this.signs++;
    const initial = !initialized && (initialValues.isInitial || revision <= this.lastInitial);
    const operation = operationOf(headerText(message.msg));
    const entry = new WatchEntry(bucket, operation, message, revision, initial, bucket.codec);
    if (!this.options.ignoreDeletes || operation === 'PUT') this.add(entry as KeyValueEntry<T>);
    if (initialized) return;
    const isEnd = initialValues.delivered(entry.key, { revision, pending: this.push.pending });
    if (isEnd && this.isUpTo(revision)) this.complete();
  }

  private idle(revision: number): void {
    this.signs++;
    if (this.initialized || this.isUpTo(revision)) this.complete();
    else void this.recheck(revision);
    if (this.head === this.queue.length) this.onIdle(revision);
  }

  /** Whether a server that has delivered up to that revision has delivered all initial values. */
  private isUpTo(revision: number): boolean {
    return revision >= this.lastInitial;
  }

  private async findLastInitial(): Promise<void> {
    const { resumeFromRevision = 0 } = this.options;
    const last = await lastRevision(this.bucket, this.filters);
    this.lastInitial = last < resumeFromRevision ? 0 : last;
  }

  /** The last initial value may have been removed before the server that delivers knew it: then there is none to wait for. */
  private async recheck(revision: number): Promise<void> {
    // What fails is tried again with the next heartbeat.
    const last = await lastRevision(this.bucket, this.filters).catch(() => this.lastInitial);
    if (last <= revision) this.complete();
  }

  private complete(): void {
    if (this.initialized) return;
    this.initialized = true;
    this.initialValues.stop();
    this.add(INITIALIZED);
  }

  private add(item: FeedItem<T>): void {
    if (this.end) return;
    this.queue.push(item);
    if (!this.held && this.queue.length - this.head >= HIGH_WATER) {
      this.held = true;
      this.push.pause();
    }
    this.onReady();
  }

  private close(error: Error | undefined): void {
    if (this.end) return;
    this.end = { error: error && this.translated(error) };
    this.initialValues.stop();
    this.push.stop();
    this.onReady();
  }

  private translated(thrown: unknown): Error {
    const { name, jetstream } = this.bucket;
    const error = toConnectionError(thrown, jetstream.connection);
    if (error instanceof StreamNotFoundError)
      return new BucketNotFoundError('Key-Value', name, { cause: error });
    if (error instanceof SequenceNotReachedError) {
      return new RevisionNotReachedError(name, error.sequence, error.last, { cause: error });
    }
    return error;
  }
}

/** A change that a watch delivers; what its acknowledgement subject says is read when asked for. */
class WatchEntry<T> extends BaseEntry<T> {
  constructor(
    bucket: Bucket<T>,
    operation: KeyValueOperation,
    private readonly message: JetStreamMessage,
    readonly revision: number,
    readonly initial: boolean,
    codec: Codec<T>,
  ) {
    super(bucket.name, bucket.keyOf(message.subject), operation, message.data, codec);
  }

  get created(): Date {
    return this.message.metadata.timestamp;
  }

  get delta(): number {
    return this.message.metadata.pending;
  }
}
