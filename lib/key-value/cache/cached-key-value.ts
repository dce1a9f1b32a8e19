import type { Codec } from '../../codecs/index.js';
import { BucketRecreatedError, WatchStoppedError } from '../../errors/index.js';
import { type CallOptions, inSteps, waitOf, type WatchFeed } from '../../jetstream/index.js';
import { untilAborted, within } from '../../timing/index.js';
import { throwIfAborted } from '../../user-code/index.js';
import { validateRevision } from '../bucket-reader.js';
import type { Bucket } from '../bucket.js';
import { BaseEntry, type KeyValueEntry, type KeyValuePut } from '../key-value-entry.js';
import { KvWatcher } from '../watching/index.js';

/** The parts of a {@link CachedKeyValue} that metrics read. */
export interface LocalCopy {
  readonly bucket: string;
  readonly lag: number;
}

/**
 * A copy of a bucket, or of some of its keys, in this process: updated by a watch, with synchronous reads.
 *
 * The copy may be slightly behind the bucket: by the latency of a message or, while the connection is down, by all
 * changes since. To read a value at least as new as an own write, call `waitForRevision` first. If the bucket is
 * deleted and created again, the copy continues with the new bucket.
 *
 * @example
 * ```ts
 * const settings = await bucket.cached();
 * const revision = await bucket.put('limit', 10);
 * await settings.waitForRevision(revision);
 * settings.get('limit')?.value; // 10, without asking the server
 * ```
 */
export class CachedKeyValue<T> implements Iterable<KeyValuePut<T>>, AsyncDisposable {
  private readonly entries = new Map<string, KeyValuePut<T>>();
  private readonly watcher: KvWatcher<T>;
  private waiting: Waiting[] = [];
  private last = 0;
  private failure: Error | undefined;
  private stopped = false;
  private restarted = false;
  private readonly ready: Promise<void>;
  private markReady: () => void = () => undefined;
  private failReady: (error: Error) => void = () => undefined;

  /** @internal Created by {@link KeyValue.cached}. */
  constructor(
    private readonly source: Bucket<T>,
    private readonly feed: WatchFeed<KeyValueEntry<T>>,
    /** Called when the copy is stopped. */
    private readonly onEnd: () => void,
  ) {
    this.ready = new Promise((resolve, reject) => {
      this.markReady = resolve;
      this.failReady = reject;
    });
    this.ready.catch(() => undefined);
    this.watcher = new KvWatcher(source.name, feed, {
      onEntry: (entry) => this.apply(entry),
      onInitialized: () => this.initialized(),
      onRestarted: () => this.clear(),
      onError: (error) => this.fail(error),
    });
    feed.onIdle = (revision) => this.reached(revision);
  }

  /** The name of the bucket. */
  get bucket(): string {
    return this.source.name;
  }

  /** @internal Resolves when all values are loaded. */
  async start(options: CallOptions): Promise<void> {
    const { timeout } = options;
    try {
      await inSteps(options, async (left) => {
        await this.feed.start(left);
        if (timeout === undefined) await this.feed.patiently(this.ready, left);
        else if (!(await within(left.timeout ?? timeout, this.ready))) throw this.feed.silent(timeout);
        await this.ready;
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The value of a key; `undefined` if there is none. It never throws and sends no request. */
  get(key: string): KeyValuePut<T> | undefined {
    return this.entries.get(key);
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** The number of keys that have a value. */
  get size(): number {
    return this.entries.size;
  }

  keys(): IterableIterator<string> {
    return this.entries.keys();
  }

  /** All values, in no order. */
  values(): IterableIterator<KeyValuePut<T>> {
    return this.entries.values();
  }

  [Symbol.iterator](): IterableIterator<KeyValuePut<T>> {
    return this.entries.values();
  }

  /** The last revision that this copy has received. */
  get revision(): number {
    return this.last;
  }

  /**
   * How many changes the server had still to deliver when it delivered the last one: 0 if the copy was up to date then.
   * It is not known while the connection is down.
   */
  get lag(): number {
    return this.feed.pending;
  }

  /**
   * Why the copy is no longer updated: the bucket was deleted, or the connection closed. `undefined` while it is
   * updated.
   */
  get error(): Error | undefined {
    return this.failure;
  }

  /**
   * Resolves when the copy contains all changes up to this revision.
   *
   * If the revision belongs to a key outside of the copy, this takes until the server's next heartbeats, up to two
   * seconds.
   *
   * By default, it waits without a limit.
   *
   * @throws {@link RequestTimeoutError} if the copy does not contain it within `timeout`; the reason of `signal`
   * @throws {@link WatchStoppedError} if the copy is stopped; {@link BucketRecreatedError} if the bucket was deleted
   * and created again in the meantime; otherwise the error that the copy ended with
   */
  async waitForRevision(revision: number, options: CallOptions = {}): Promise<void> {
    validateRevision(revision);
    const { timeout = Infinity, signal } = waitOf(options);
    throwIfAborted(signal);
    if (revision <= this.last) return;
    if (this.failure) throw this.failure;
    if (this.stopped) throw new WatchStoppedError(this.bucket);
    let waiting: Waiting | undefined;
    const reached = new Promise<void>((resolve, reject) => {
      waiting = { revision, resolve, reject };
      this.waiting.push(waiting);
    });
    try {
      if (!(await untilAborted(signal, within(timeout, reached)))) throw this.feed.silent(timeout);
      await reached;
    } finally {
      this.waiting = this.waiting.filter((other) => other !== waiting);
    }
  }

  /** Stops updating the copy. The existing values can still be read. It never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.onEnd();
    for (const { reject } of this.waiting.splice(0)) reject(new WatchStoppedError(this.bucket));
    await this.watcher.stop();
  }

  /** The same as {@link stop}. It never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private apply(entry: KeyValueEntry<T>): void {
    if (entry.operation === 'PUT') this.entries.set(entry.key, copyOf(entry, this.source.codec));
    else this.entries.delete(entry.key);
    this.reached(entry.revision);
  }

  private reached(revision: number): void {
    if (revision <= this.last) return;
    this.last = revision;
    if (this.waiting.length === 0) return;
    const due = this.waiting.filter((waiting) => waiting.revision <= revision);
    this.waiting = this.waiting.filter((waiting) => waiting.revision > revision);
    for (const { resolve } of due) resolve();
  }

  /** Called when the bucket was deleted and created again. */
  private clear(): void {
    this.entries.clear();
    this.last = 0;
    this.restarted = true;
  }

  /**
   * Called when all values are loaded. Calls that still wait after a restart wait for a revision of the earlier bucket.
   */
  private initialized(): void {
    this.markReady();
    if (!this.restarted) return;
    this.restarted = false;
    for (const { reject } of this.waiting.splice(0)) reject(new BucketRecreatedError(this.bucket));
  }

  private fail(error: Error): void {
    this.failure = error;
    this.failReady(error);
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

/**
 * An entry that holds only a copy of its own bytes. The bytes that a watch delivers belong to a larger buffer of the
 * connection, which would otherwise be kept in memory.
 */
class CopiedEntry<T> extends BaseEntry<T> {
  readonly delta = 0;
  readonly initial: boolean;
  readonly revision: number;
  readonly created: Date;

  constructor(entry: KeyValuePut<T>, codec: Codec<T>) {
    super(entry.bucket, entry.key, 'PUT', new Uint8Array(entry.bytes), codec);
    this.initial = entry.initial;
    this.revision = entry.revision;
    this.created = entry.created;
  }
}

function copyOf<T>(entry: KeyValuePut<T>, codec: Codec<T>): KeyValuePut<T> {
  return new CopiedEntry(entry, codec) as KeyValueEntry<T> as KeyValuePut<T>;
}

interface Waiting {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}
