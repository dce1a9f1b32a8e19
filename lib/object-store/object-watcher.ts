import { Logger } from '@nestjs/common';
import { InvalidArgumentError } from '../errors/index.js';
import {
  OrderedPush,
  type JetStreamApi,
  type JetStreamMessage,
  type OrderedPushStart,
} from '../jetstream/index.js';
import { parseObjectInfo, toObjectInfo, type ObjectInfo } from './object-info.js';
import type { ObjectNames } from './object-names.js';

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
  /** Whether it was written after the watch began: `false` for the initial values, which come first. */
  readonly isUpdate: boolean;
}

/**
 * The descriptions of a bucket's objects, first those that are there, then each new one, in order. It lives on through
 * reconnects and server restarts. To be iterated once; leaving the loop stops it.
 */
export class ObjectWatcher implements AsyncIterable<ObjectWatchEntry>, AsyncDisposable {
  /**
   * Resolves when all initial values have arrived: at once where there are none, or where the watch is stopped. Only a
   * bounded number of values waits for the iteration, so iterate at the same time.
   */
  readonly initialized: Promise<void>;
  private readonly queue: ObjectWatchEntry[] = [];
  private readonly push: OrderedPush;
  private initializing = true;
  /** How many initial values are to come. */
  private awaited = 0;
  private ended = false;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;
  private markInitialized: () => void = () => undefined;

  /** @internal Made by `ObjectStore.watch`. */
  constructor(
    api: JetStreamApi,
    private readonly names: ObjectNames,
    private readonly options: ObjectWatchOptions,
  ) {
    this.initialized = new Promise((resolve) => {
      this.markInitialized = resolve;
    });
    this.push = new OrderedPush(
      api,
      {
        stream: names.stream,
        filterSubjects: [names.allInfos],
        start: startOf(options),
        namePrefix: 'object_watcher',
      },
      {
        onMessage: (message) => this.receive(message),
        onStart: ({ pending }) => this.expect(pending),
        onIdle: () => this.initialize(),
        onError: (error) => this.fail(error),
      },
    );
  }

  /** @internal Called by `ObjectStore.watch`. */
  start(): Promise<void> {
    return this.push.start();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ObjectWatchEntry, void, undefined> {
    try {
      for (;;) {
        for (let entry = this.queue.shift(); entry; entry = this.queue.shift()) {
          this.adjustFlow();
          yield entry;
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
    this.initialize();
    this.wake();
  }

  private fail(error: Error): void {
    this.failure = error;
    this.end();
  }

  private expect(pending: number): void {
    if (!this.initializing) return;
    this.awaited = pending;
    if (pending === 0 || this.options.updatesOnly) this.initialize();
  }

  private receive(message: JetStreamMessage): void {
    const isUpdate = !this.initializing;
    const info = this.read(message);
    if (info && !(info.deleted && this.options.ignoreDeletes)) {
      this.queue.push({ ...info, isUpdate });
      this.adjustFlow();
    }
    if (this.initializing && (--this.awaited <= 0 || this.push.pending === 0)) this.initialize();
    this.wake();
  }

  private initialize(): void {
    this.initializing = false;
    this.markInitialized();
    this.wake();
  }

  private read(message: JetStreamMessage): ObjectInfo | undefined {
    const { bucket } = this.names;
    const { streamSequence, timestamp } = message.metadata;
    try {
      const wire = parseObjectInfo(message.text(), bucket, message.subject);
      return toObjectInfo(wire, bucket, streamSequence, timestamp);
    } catch (error) {
      // One unreadable description must not end the watch of all others.
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
const QUEUE_HIGH = 2_048;
const QUEUE_LOW = 512;

function startOf({ includeHistory, updatesOnly }: ObjectWatchOptions): OrderedPushStart {
  if (includeHistory && updatesOnly) {
    throw new InvalidArgumentError('updatesOnly', 'not together with includeHistory; give one of them');
  }
  if (updatesOnly) return { policy: 'new' };
  return { policy: includeHistory ? 'all' : 'last_per_subject' };
}
