import { Logger } from '@nestjs/common';
import { InvalidArgumentError } from '../errors/index.js';
import {
  OrderedPush,
  type JetStreamApi,
  type JetStreamMessage,
  type OrderedPushStarted,
  type OrderedPushStart,
} from '../jetstream/index.js';
import { parseObjectInfo, toObjectInfo, type ObjectInfo } from './object-info.js';
import type { ObjectCatalog } from './object-catalog.js';

/** What a watch delivers. */
export interface ObjectWatchOptions {
  /** Begins with all descriptions that the bucket has of each object, instead of the last ones. Default `false`. */
  readonly includeHistory?: boolean;
  /** Delivers only what is written from now on. Not together with `includeHistory`. Default `false`. */
  readonly updatesOnly?: boolean;
  /** Leaves out the marks of deleted objects. Default `false`. */
  readonly ignoreDeletes?: boolean;
}

/** A description that a watch delivers. */
export interface ObjectWatchEntry extends ObjectInfo {
  /** Whether the bucket held it when the watch began; such descriptions come first. */
  readonly initial: boolean;
}

/**
 * The descriptions of a bucket's objects as an async iterable: first those that are there, then each new one, in order.
 * It goes on after reconnects and server restarts, and ends with `stop`, with `break`, or with an error where it cannot
 * go on. To be iterated once.
 *
 * @example
 * ```ts
 * for await (const info of await store.watch({ ignoreDeletes: true })) show(info.name, info.size);
 * ```
 */
export class ObjectWatcher implements AsyncIterable<ObjectWatchEntry>, AsyncDisposable {
  /**
   * Resolves when the loop asks for what comes after the last initial description: it has handled all of them. Resolves
   * too where there are none or the watch is stopped. Rejects where the watch fails before.
   */
  readonly initialized: Promise<void>;
  private readonly push: OrderedPush;
  private readonly queue: (ObjectWatchEntry | typeof INITIALIZED)[] = [];
  private initializing = true;
  /** How many initial descriptions are to come, as far as the server that delivers knows. */
  private awaited = 0;
  /**
   * The last initial description as the stream's leader knows it: in a replicated bucket the server that delivers may
   * not have heard of it yet.
   */
  private lastInitial = 0;
  /** Whether the loop has an entry in hand. */
  private inHand = false;
  private ended = false;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;
  private markInitialized: () => void = () => undefined;
  private failInitialized: (error: Error) => void = () => undefined;

  /** @internal Made by `ObjectStore.watch`. */
  constructor(
    api: JetStreamApi,
    private readonly catalog: ObjectCatalog,
    private readonly options: ObjectWatchOptions,
  ) {
    const { names } = catalog;
    this.initialized = new Promise((resolve, reject) => {
      this.markInitialized = resolve;
      this.failInitialized = reject;
    });
    // Whoever does not ask must not be brought down by an unhandled rejection; the iteration throws the same error.
    this.initialized.catch(() => undefined);
    this.push = new OrderedPush(
      api,
      {
        stream: names.stream,
        filterSubjects: [names.allInfos],
        start: startOf(options),
        namePrefix: 'object_watch',
      },
      {
        onMessage: (message, revision) => this.receive(message, revision),
        onStart: (started) => this.begin(started),
        onIdle: () => this.initialize(),
        onError: (error) => this.fail(error),
      },
    );
  }

  /** @internal Called by `ObjectStore.watch`. */
  async start(): Promise<void> {
    if (!this.options.updatesOnly)
      this.lastInitial = await this.catalog.lastSequence(this.catalog.names.allInfos);
    await this.push.start();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ObjectWatchEntry, void, undefined> {
    try {
      for (;;) {
        for (let item = this.queue.shift(); item; item = this.queue.shift()) {
          this.adjustFlow();
          if (item === INITIALIZED) {
            this.markInitialized();
            continue;
          }
          this.inHand = true;
          yield item;
          this.inHand = false;
        }
        if (this.failure) throw this.failure;
        if (this.ended) return;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      this.stop();
    }
  }

  /** Ends the watch. The iteration ends without what it has not taken yet. */
  stop(): void {
    this.queue.length = 0;
    this.markInitialized();
    this.end();
  }

  /** Ends the watch. The iteration ends with what has arrived already. */
  drain(): void {
    this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  private end(): void {
    this.ended = true;
    this.push.stop();
    this.wake();
  }

  private fail(error: Error): void {
    this.failure = error;
    this.failInitialized(error);
    this.end();
  }

  private begin({ pending, restarted }: OrderedPushStarted): void {
    if (restarted) this.initializing = true;
    if (!this.initializing) return;
    this.awaited = pending;
    if (this.options.updatesOnly || (pending === 0 && this.lastInitial === 0)) this.initialize();
  }

  private receive(message: JetStreamMessage, revision: number): void {
    const initial = this.initializing;
    const info = this.read(message, revision);
    if (info && !(info.deleted && this.options.ignoreDeletes)) {
      this.queue.push({ ...info, initial });
      this.adjustFlow();
    }
    // Descriptions that are replaced while they are sent make the count too high; then nothing is left to send earlier.
    if (initial) this.countInitial(revision);
    this.wake();
  }

  private countInitial(revision: number): void {
    this.awaited--;
    if (revision < this.lastInitial) return;
    if (this.awaited <= 0 || this.push.pending === 0) this.initialize();
  }

  private initialize(): void {
    if (!this.initializing) return;
    this.initializing = false;
    // Where there are no initial descriptions their end needs no loop.
    if (this.queue.length === 0 && !this.inHand) this.markInitialized();
    else this.queue.push(INITIALIZED);
    this.wake();
  }

  private read(message: JetStreamMessage, revision: number): ObjectInfo | undefined {
    const { bucket } = this.catalog.names;
    try {
      const wire = parseObjectInfo(message.text(), bucket, message.subject);
      return toObjectInfo(wire, bucket, revision, message.metadata.timestamp);
    } catch (error) {
      // One description that cannot be read must not end the watch of all others.
      logger.warn(`Left out of a watch: ${String(error)}`);
      return undefined;
    }
  }

  private adjustFlow(): void {
    if (this.queue.length > QUEUE_HIGH) this.push.pause();
    else if (this.queue.length < QUEUE_LOW) this.push.resume();
  }
}

const logger = new Logger('ObjectWatcher');
/** Stands in the queue where the initial descriptions end. */
const INITIALIZED = Symbol('initialized');
const QUEUE_HIGH = 1_024;
const QUEUE_LOW = 512;

function startOf({ includeHistory, updatesOnly }: ObjectWatchOptions): OrderedPushStart {
  if (includeHistory && updatesOnly) {
    throw new InvalidArgumentError('updatesOnly', 'not together with includeHistory; give one of them');
  }
  if (updatesOnly) return { policy: 'new' };
  return { policy: includeHistory ? 'all' : 'last_per_subject' };
}
