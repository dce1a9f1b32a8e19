import { Logger } from '@nestjs/common';
import { BucketNotFoundError, InvalidArgumentError, StreamNotFoundError } from '../errors/index.js';
import {
  InitialDelivery,
  OrderedPush,
  type JetStreamMessage,
  type OrderedPushStart,
} from '../jetstream/index.js';
import { errorText, heldBackText, ReportLimiter } from '../reporting/index.js';
import { retry } from '../timing/index.js';
import { optionsCheck } from '../validation/index.js';
import { parseObjectInfo, toObjectInfo, type ObjectInfo } from './object-info.js';
import type { ObjectCatalog } from './object-catalog.js';
import { mayPass, PAUSES } from './transient.js';

/** Options of a watch. */
export interface ObjectWatchOptions {
  /** Starts with all stored descriptions of each object, instead of only the last one. Default `false`. */
  readonly includeHistory?: boolean | undefined;
  /** Delivers only changes from now on. Not together with `includeHistory`. Default `false`. */
  readonly updatesOnly?: boolean | undefined;
  /** Skips the markers of deleted objects. Default `false`. */
  readonly ignoreDeletes?: boolean | undefined;
}

const checkWatchOptions = optionsCheck<ObjectWatchOptions>('watch', {
  ignoreDeletes: true,
  includeHistory: true,
  updatesOnly: true,
});

/** A description delivered by a watch. */
export interface ObjectWatchEntry extends ObjectInfo {
  /** Whether the object was already in the bucket when the watch began; these descriptions come first. */
  readonly initial: boolean;
}

/**
 * The descriptions of a bucket's objects as an async iterable: first the existing ones, then each change, in order. It
 * continues after reconnects and server restarts, and ends with `stop`, with `break`, or with an error if it cannot
 * continue. It can be iterated once. A description that is replaced before the server has sent it is not delivered.
 *
 * @example
 * ```ts
 * for await (const info of await store.watch({ ignoreDeletes: true })) show(info.name, info.size);
 * ```
 */
export class ObjectWatcher implements AsyncIterableIterator<ObjectWatchEntry>, AsyncDisposable {
  /**
   * Resolves when the loop requests the entry after the last initial description, so that it has handled all of them.
   * Also resolves if there are none or the watch is stopped. Rejects if the watch fails before.
   */
  readonly initialized: Promise<void>;
  private readonly initial: InitialDelivery;
  private readonly unreadable = new ReportLimiter();
  private readonly queue: (ObjectWatchEntry | typeof INITIALIZED)[] = [];
  private readonly waiting: Waiting[] = [];
  private push: OrderedPush | undefined;
  /** Whether an entry was returned and no other was requested since, so that it may still be in progress. */
  private inHand = false;
  private ended = false;
  private failure: Error | undefined;
  private markInitialized: () => void = () => undefined;
  private failInitialized: (error: Error) => void = () => undefined;

  /** @internal Created by `ObjectStore.watch`. */
  constructor(
    private readonly catalog: ObjectCatalog,
    private readonly options: ObjectWatchOptions,
  ) {
    checkWatchOptions(options);
    checkStart(options);
    this.initialized = new Promise((resolve, reject) => {
      this.markInitialized = resolve;
      this.failInitialized = reject;
    });
    // A caller that does not use the promise must not get an unhandled rejection; the iteration throws the same error.
    this.initialized.catch(() => undefined);
    this.initial = new InitialDelivery({
      lastSequence: () => catalog.lastSequence(catalog.names.allInfos),
      onComplete: () => this.add(INITIALIZED),
    });
  }

  /** @internal Called by `ObjectStore.watch`. */
  async start(): Promise<void> {
    if (this.options.updatesOnly !== true) await this.initial.prepare();
    // While the stream has no leader, its consumers cannot be created.
    await retry(() => this.open(), { ...PAUSES, retryable: mayPass, deadline: this.catalog.patience() });
  }

  /** The next description. Several calls may wait at once; they are served in order. */
  next(): Promise<IteratorResult<ObjectWatchEntry, undefined>> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.inHand = false;
      this.serve();
    });
  }

  /** The same as `stop`; called when a loop is left. */
  async return(): Promise<IteratorResult<ObjectWatchEntry, undefined>> {
    this.stop();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the watch. Descriptions that were not taken yet are discarded. */
  stop(): void {
    this.queue.length = 0;
    this.markInitialized();
    this.end();
  }

  /** Ends the watch. The iteration continues with the descriptions that have already arrived. */
  drain(): void {
    this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  private open(): Promise<void> {
    const { names, jetstream, created } = this.catalog;
    this.push = new OrderedPush(
      jetstream.api,
      {
        stream: names.stream,
        streamCreated: created,
        filterSubjects: [names.allInfos],
        start: startOf(this.options),
        namePrefix: 'object_watch',
        heartbeat: HEARTBEAT,
      },
      {
        onMessage: (message, revision) => this.receive(message, revision),
        onStart: (started) =>
          this.options.updatesOnly === true ? this.initial.skip() : this.initial.started(started),
        onIdle: (revision) => this.initial.idle(revision),
        onError: (error) => this.fail(error),
      },
    );
    return this.push.start();
  }

  private end(): void {
    this.ended = true;
    this.push?.stop();
    this.serve();
  }

  private fail(error: Error): void {
    const { bucket } = this.catalog.names;
    this.failure =
      error instanceof StreamNotFoundError
        ? new BucketNotFoundError('Object Store', bucket, { cause: error })
        : error;
    this.failInitialized(this.failure);
    this.end();
  }

  private receive(message: JetStreamMessage, revision: number): void {
    const initial = !this.initial.complete;
    const info = this.read(message, revision);
    if (info && !(info.deleted && this.options.ignoreDeletes === true)) this.add({ ...info, initial });
    this.initial.received(revision, this.push?.pending ?? 0);
  }

  private add(item: ObjectWatchEntry | typeof INITIALIZED): void {
    this.queue.push(item);
    this.serve();
    if (this.queue.length > QUEUE_HIGH) this.push?.pause();
  }

  private serve(): void {
    // If there are no initial descriptions, their end needs no reader.
    while (
      this.queue.length > 0 &&
      (this.waiting.length > 0 || (this.queue[0] === INITIALIZED && !this.inHand))
    ) {
      this.hand(this.queue.shift());
    }
    if (this.queue.length < QUEUE_LOW) this.push?.resume();
    if (this.queue.length > 0 || !this.ended) return;
    for (const { resolve, reject } of this.waiting.splice(0)) {
      if (this.failure) reject(this.failure);
      else resolve({ done: true, value: undefined });
    }
  }

  private hand(item: ObjectWatchEntry | typeof INITIALIZED | undefined): void {
    if (item === INITIALIZED) return this.markInitialized();
    if (item === undefined) return;
    this.inHand = true;
    this.waiting.shift()?.resolve({ done: false, value: item });
  }

  private read(message: JetStreamMessage, revision: number): ObjectInfo | undefined {
    const { bucket } = this.catalog.names;
    try {
      const wire = parseObjectInfo(message.text(), bucket, message.subject);
      return toObjectInfo(wire, bucket, revision, message.metadata.timestamp);
    } catch (error) {
      // An invalid description must not end the watch of all others.
      const heldBack = this.unreadable.admit('description');
      if (heldBack !== undefined)
        logger.warn(`A watch skipped an object: ${errorText(error)}${heldBackText(heldBack)}`);
      return undefined;
    }
  }
}

interface Waiting {
  readonly resolve: (result: IteratorResult<ObjectWatchEntry, undefined>) => void;
  readonly reject: (error: Error) => void;
}

const logger = new Logger('ObjectWatcher');
/** Marks the end of the initial descriptions in the queue. */
const INITIALIZED = Symbol('initialized');
const QUEUE_HIGH = 1_024;
const QUEUE_LOW = 512;
/** Heartbeats show that there is nothing more to send, which lists wait for; in milliseconds. */
const HEARTBEAT = 1_000;

function checkStart({ includeHistory, updatesOnly }: ObjectWatchOptions): void {
  if (includeHistory === true && updatesOnly === true) {
    throw new InvalidArgumentError(
      'updatesOnly',
      'it cannot be combined with includeHistory; set only one of them',
    );
  }
}

function startOf({ includeHistory, updatesOnly }: ObjectWatchOptions): OrderedPushStart {
  if (updatesOnly === true) return { policy: 'new' };
  return { policy: includeHistory === true ? 'all' : 'last_per_subject' };
}
