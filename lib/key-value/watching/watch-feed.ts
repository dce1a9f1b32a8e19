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

/** Marks the end of the initial values in the feed. */
export const INITIALIZED = Symbol('initialized');

/** Marks a restart of the feed, because the bucket was deleted and created again. */
export const RESTARTED = Symbol('restarted');

export type FeedItem<T> = KeyValueEntry<T> | typeof INITIALIZED | typeof RESTARTED;

/** The server has to wait while this many items are queued, and continues when half of them are left. */
const HIGH_WATER = 1_024;

/**
 * The changes of keys as a queue: the server adds to it, and the reader takes from it at its own pace.
 *
 * It continues automatically after reconnects and server restarts, without gaps or repeats. A bucket that was deleted
 * and created again is watched from its start.
 */
export class WatchFeed<T> {
  /** Called when an item is available, or the feed has ended. Set before `start`. */
  onReady: () => void = () => undefined;
  /** Called when no items are queued and the server has nothing to send: all changes up to this revision were taken. */
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
  /** The last initial value according to the bucket's leader; the delivering server may not have it yet. */
  private lastInitial = 0;
  private end: { readonly error: Error | undefined } | undefined;

  /**
   * @throws {@link InvalidKeyError} if filters are invalid
   * @throws {@link InvalidArgumentError} if options contradict each other
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
   * @throws {@link BucketNotFoundError}, {@link RevisionNotReachedError}, {@link ConnectionClosedError} and other
   * errors of the server
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

  /** Takes the next item; `undefined` if there is none yet or the feed has ended. */
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

  /** Set when no items will follow the queued ones; with the reason, unless it was `stop`. */
  get ended(): { readonly error: Error | undefined } | undefined {
    return this.end;
  }

  /** The number of messages and heartbeats from the server. */
  get signsOfLife(): number {
    return this.signs;
  }

  /**
   * Waits for a promise that this feed fulfills, as long as the server sends messages or heartbeats.
   *
   * @throws {@link RequestTimeoutError} if nothing arrived within the connection's timeout; and the error of the
   * promise
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

  /** Ends the feed and discards the queue. */
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
      // If a replica is behind, each key may have been delivered with a value that the leader has replaced; the end is
      // then determined by later deliveries.
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
      // No heartbeat ends the initial values before the leader has reported how far they go.
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

  /** Whether a server that has delivered up to this revision has delivered all initial values. */
  private isUpTo(revision: number): boolean {
    return revision >= this.lastInitial;
  }

  private async findLastInitial(): Promise<void> {
    const { resumeFromRevision = 0 } = this.options;
    const last = await lastRevision(this.bucket, this.filters);
    this.lastInitial = last < resumeFromRevision ? 0 : last;
  }

  /**
   * The last initial value may have been removed before it reached the delivering server; then there is no value to
   * wait for.
   */
  private async recheck(revision: number): Promise<void> {
    // A failure is retried with the next heartbeat.
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

/** A change from a watch; its acknowledgement subject is parsed on demand. */
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
