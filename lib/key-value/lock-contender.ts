import { nuid } from '@nats-io/transport-node';
import { InvalidArgumentError, LockNotObtainedError, RevisionMismatchError } from '../errors/index.js';
import type { KeyValueEntry } from './key-value-entry.js';
import type { BucketAccess } from './bucket-access.js';
import { KeyLock, wholeSeconds } from './key-lock.js';
import { KvWatcher } from './kv-watcher.js';
import { encodeRecord, recordOf, type LockRecord } from './lock-record.js';
import { WatchFeed } from './watch-feed.js';

/** How long to contend for a lock. */
export interface LockPatience {
  /** In milliseconds; 0: one attempt. */
  readonly wait: number;
  readonly signal: AbortSignal | undefined;
}

/** The longest pause after an attempt that failed for another reason than somebody being faster, in milliseconds. */
const LONGEST_PAUSE = 1_000;

/**
 * Waits for its turn at a lock: until the key is free, or its holder gave no sign of life for the ttl, counted from when
 * the last one was seen here. The revision makes sure that of all contenders one at most gets it.
 */
export class LockContender<T> {
  private readonly record: LockRecord;
  private holder: LockRecord | undefined;
  private revision = 0;
  private seenAt = 0;
  private failure: Error | undefined;
  private changed = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly access: BucketAccess<T>,
    private readonly key: string,
    name: string,
    ttl: number,
  ) {
    this.record = { id: nuid.next(), name, ttl };
  }

  /**
   * @throws {@link LockNotObtainedError} where the patience is over
   * @throws {@link InvalidArgumentError} where the key holds a value that is no lock
   * @throws the reason of the signal, {@link BucketNotFoundError}, {@link ConnectionClosedError}
   */
  async obtain(patience: LockPatience): Promise<KeyLock> {
    const { signal } = patience;
    signal?.throwIfAborted();
    const onAbort = (): void => this.notify();
    signal?.addEventListener('abort', onAbort);
    const giveUpAt = performance.now() + patience.wait;
    const watcher = await this.watch();
    try {
      for (;;) {
        this.changed = false;
        signal?.throwIfAborted();
        if (this.failure) throw this.failure;
        const lock = this.waitingTime() === 0 ? await this.attempt() : undefined;
        if (lock) return lock;
        const left = giveUpAt - performance.now();
        if (left <= 0) {
          throw new LockNotObtainedError(this.access.bucket.name, this.key, this.holder?.name, patience.wait);
        }
        await this.pause(Math.min(left, this.waitingTime() || Math.random() * LONGEST_PAUSE));
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await watcher.stop();
    }
  }

  private async watch(): Promise<KvWatcher<T>> {
    const feed = new WatchFeed(this.access.bucket, [this.key], {});
    let markInitialized = (): void => undefined;
    const initialized = new Promise<void>((resolve) => (markInitialized = resolve));
    const watcher = new KvWatcher(feed, {
      onEntry: (entry) => this.see(entry),
      onInitialized: () => markInitialized(),
      onRestarted: () => this.seeFree(0),
      onError: (error) => {
        this.fail(error);
        markInitialized();
      },
    });
    await feed.start();
    await initialized;
    return watcher;
  }

  private see(entry: KeyValueEntry<T>): void {
    const record = recordOf(entry);
    if (record) {
      this.holder = record;
      this.revision = entry.revision;
      this.seenAt = performance.now();
      this.notify();
    } else if (entry.operation === 'PUT') {
      this.fail(
        new InvalidArgumentError('key', `"${this.key}" holds a value that is no lock; lock another key`),
      );
    } else {
      this.seeFree(entry.revision);
    }
  }

  private seeFree(revision: number): void {
    this.holder = undefined;
    this.revision = revision;
    this.notify();
  }

  private fail(error: Error): void {
    this.failure = error;
    this.notify();
  }

  private notify(): void {
    this.changed = true;
    this.wake();
  }

  /** How long the holder must be left alone yet, in milliseconds. */
  private waitingTime(): number {
    return this.holder ? Math.max(0, this.seenAt + this.holder.ttl - performance.now()) : 0;
  }

  private async attempt(): Promise<KeyLock | undefined> {
    const { bucket, writer } = this.access;
    const { record, key, revision } = this;
    const since = performance.now();
    try {
      const obtained = await writer.putIf(key, encodeRecord(record), {
        revision,
        ttl: bucket.allowsTtl ? wholeSeconds(record.ttl) : undefined,
        timeout: record.ttl,
      });
      const lock = new KeyLock(this.access, key, record, obtained, since);
      if (lock.held) return lock;
      await lock.release();
    } catch (error) {
      // Whether anything else that failed has got the lock after all, the watch tells.
      if (error instanceof RevisionMismatchError) await this.lookUp();
    }
    return undefined;
  }

  /** Somebody was faster; the watch may be behind. */
  private async lookUp(): Promise<void> {
    const entry = await this.access.reader.change(this.key, { consistent: true }).catch(() => undefined);
    if (entry && entry.revision > this.revision) this.see(entry);
  }

  private async pause(ms: number): Promise<void> {
    if (this.changed) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }
}
