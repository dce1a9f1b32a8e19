import type { Codec } from '../codecs/index.js';
import { BucketNotFoundError, StreamNotFoundError } from '../errors/index.js';
import { OrderedPush, type JetStreamMessage, type OrderedPushStarted } from '../jetstream/index.js';
import type { Bucket } from './bucket.js';
import { headerText } from './header-text.js';
import { validateKeyFilter } from './key-names.js';
import { lastRevision } from './last-revision.js';
import { BaseEntry, operationOf, type KeyValueEntry, type KeyValueOperation } from './key-value-entry.js';
import { watchStart, type KeyValueWatchOptions } from './watch-options.js';

/** Stands in the feed where the initial values end. */
export const INITIALIZED = Symbol('initialized');

/** Stands in the feed where it begins anew, because the bucket was deleted and created again. */
export const RESTARTED = Symbol('restarted');

export type FeedItem<T> = KeyValueEntry<T> | typeof INITIALIZED | typeof RESTARTED;

/** The server is made to wait while this many items are queued, and sends again when half of them are. */
const HIGH_WATER = 1_024;

/**
 * The changes of keys as a queue: what the server pushes goes in, and whoever reads it takes it out at his own pace.
 *
 * It goes on by itself after reconnects and server restarts, without a gap and without a repeat.
 */
export class WatchFeed<T> {
  /** Called when there is something to take, or the feed has ended. Set before `start`. */
  onReady: () => void = () => undefined;
  /** Called where nothing is queued and the server has nothing to send: every change up to that revision was taken. */
  onIdle: (revision: number) => void = () => undefined;
  private readonly push: OrderedPush;
  private readonly filters: readonly string[];
  private readonly updatesOnly: boolean;
  private queue: FeedItem<T>[] = [];
  private head = 0;
  private held = false;
  private initialized = false;
  private received = 0;
  private initialValues = 0;
  /** The last change that was taken in. */
  private last = 0;
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
    for (const key of keys) validateKeyFilter(bucket.name, key);
    this.filters = keys.length === 0 ? ['>'] : keys;
    this.updatesOnly = options.updatesOnly ?? false;
    this.push = new OrderedPush(
      bucket.jetstream.api,
      {
        stream: bucket.stream,
        streamCreated: bucket.created,
        filterSubjects: this.filters.map((filter) => bucket.prefix + filter),
        start: watchStart(options),
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

  /** @throws {@link BucketNotFoundError} and what else the server answers */
  async start(): Promise<void> {
    try {
      if (this.bucket.replicated && !this.updatesOnly) await this.findLastInitial();
      await this.push.start();
    } catch (error) {
      throw this.translated(error);
    }
  }

  /** The next item, without taking it. */
  peek(): FeedItem<T> | undefined {
    return this.queue[this.head];
  }

  /** The next item, `undefined` where there is none yet or the feed has ended. */
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

  /** Set where nothing more will come than what is queued; with the reason, unless it was `stop`. */
  get ended(): { readonly error: Error | undefined } | undefined {
    return this.end;
  }

  /** Ends the feed and forgets what is queued. */
  stop(): void {
    this.queue = [];
    this.head = 0;
    this.close(undefined);
  }

  private started({ pending, restarted }: OrderedPushStarted): void {
    if (restarted) {
      this.add(RESTARTED);
      this.initialized = false;
      this.received = 0;
      this.last = 0;
      this.lastInitial = 0;
    }
    this.initialValues = this.received + pending;
    if (this.updatesOnly || (pending === 0 && this.isUpTo(this.last))) this.complete();
  }

  private receive(message: JetStreamMessage, revision: number): void {
    const { bucket, initialized } = this;
    this.last = revision;
    const operation = operationOf(headerText(message.msg));
    if (!this.options.ignoreDeletes || operation === 'PUT') {
      this.add(
        new WatchEntry(bucket, operation, message, revision, !initialized, bucket.codec) as KeyValueEntry<T>,
      );
    }
    if (initialized) return;
    this.received++;
    if (!this.isUpTo(revision)) return;
    // Values that are replaced while they are being sent make the count too high; then nothing is left to send earlier.
    if (this.received >= this.initialValues || this.push.pending === 0) this.complete();
  }

  private idle(revision: number): void {
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
    this.push.stop();
    this.onReady();
  }

  private translated<E>(error: E): E | BucketNotFoundError {
    return error instanceof StreamNotFoundError
      ? new BucketNotFoundError('Key-Value', this.bucket.name, { cause: error })
      : error;
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
