import { nuid } from '@nats-io/transport-node';
import {
  InvalidArgumentError,
  isTransient,
  LockNotObtainedError,
  NoStreamResponseError,
  PublishTimeoutError,
  RequestTimeoutError,
  RevisionMismatchError,
} from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { Backoff, Deadline, retry, Timer } from '../../timing/index.js';
import { onAbort, throwIfAborted } from '../../user-code/index.js';
import type { BucketAccess } from '../bucket-access.js';
import type { KeyValueEntry } from '../key-value-entry.js';
import { keyValueFeed, KvWatcher } from '../watching/index.js';
import { KeyLock, wholeSeconds } from './key-lock.js';
import { encodeRecord, type LockRecord, recordOf } from './lock-record.js';
import type { LockSightings } from './lock-sightings.js';

/** How long to contend for a lock. */
export interface LockPatience {
  /** In milliseconds; 0: one attempt. */
  readonly wait: number;
  readonly signal: AbortSignal | undefined;
}

/** The pauses after attempts and watches that failed temporarily, in milliseconds. */
const PAUSES = { first: 50, longest: 1_000 };

/**
 * Waits for a lock: until the key is free, or its holder has not renewed it for the ttl, counted from when this process
 * saw the last renewal, even if for another caller. The expected revision ensures that at most one contender obtains
 * it.
 */
export class LockContender<T> {
  private readonly backoff = new Backoff(PAUSES);
  private record: LockRecord;
  /** Bucket and key. */
  private readonly lock: string;
  private watcher: KvWatcher<T> | undefined;
  private initialized = false;
  private holder: LockRecord | undefined;
  private revision = 0;
  private seenAt = 0;
  private failure: Error | undefined;
  /** When the first attempt with an unknown outcome was made. */
  private unknownSince: number | undefined;
  private abandoned = false;
  private changed = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly access: BucketAccess<T>,
    private readonly key: string,
    holder: Pick<LockRecord, 'name' | 'ttl'>,
    /** The records of holders that this process has seen before. */
    private readonly sightings: LockSightings,
  ) {
    this.record = { id: nuid.next(), ...holder };
    this.lock = `${access.bucket.name} ${key}`;
  }

  /**
   * Obtains the lock. Temporary failures, such as a leader election of the servers, are retried.
   *
   * @throws {@link LockNotObtainedError} if the time to wait is over
   * @throws {@link InvalidArgumentError} if the value of the key is not a lock
   * @throws the reason of the signal, {@link BucketNotFoundError}, {@link ConnectionClosedError}, and permanent
   * refusals of the server
   */
  async obtain(patience: LockPatience): Promise<KeyLock> {
    const { signal } = patience;
    throwIfAborted(signal);
    const gaveUp = new AbortController();
    let callOff: (() => void) | undefined;
    let abort = (): void => undefined;
    const aborted = new Promise<undefined>((resolve) => (abort = () => resolve(undefined)));
    if (signal) {
      callOff = onAbort(signal, (reason) => {
        gaveUp.abort(reason);
        abort();
      });
    }
    try {
      const lock = await Promise.race([this.contend({ ...patience, signal: gaveUp.signal }), aborted]);
      if (lock) return lock;
      // The contest ends by itself, and releases the lock if it still obtains it.
      gaveUp.signal.throwIfAborted();
      throw new LockNotObtainedError(this.access.bucket.name, this.key, this.holder?.name, patience.wait);
    } finally {
      callOff?.();
      this.abandon();
    }
  }

  /** @returns the lock; `undefined` if the wait is over, or the attempt was abandoned */
  private async contend({ wait, signal }: LockPatience): Promise<KeyLock | undefined> {
    const deadline = new Deadline(wait);
    // Even a single attempt has to read the current state.
    const opening = new Deadline(Math.max(wait, this.access.bucket.jetstream.connection.timeout));
    await retry(() => this.watch(), {
      ...PAUSES,
      deadline: opening,
      retryable: (error) => !this.abandoned && isTransient(error),
      ...(signal && { signal }),
    });
    while (!this.abandoned) {
      this.changed = false;
      if (this.failure) throw this.failure;
      if (this.initialized && this.waitingTime() === 0) {
        const lock = await this.turn();
        if (lock) return lock;
      }
      // An attempt may have failed permanently.
      if (this.hasFailed()) continue;
      const left = this.initialized ? deadline.left : opening.left;
      if (left <= 0 && !this.initialized) throw this.silent();
      if (left <= 0) return undefined;
      await this.pause(Math.min(left, this.waitingTime() || this.backoff.next()));
    }
    return undefined;
  }

  private hasFailed(): boolean {
    return this.failure !== undefined;
  }

  /** Makes one attempt to obtain the lock; if its caller no longer waits, the lock is released. */
  private async turn(): Promise<KeyLock | undefined> {
    const lock = await this.attempt();
    if (!lock || (lock.held && !this.abandoned)) return lock;
    await lock.release();
    return undefined;
  }

  private async watch(): Promise<void> {
    const { bucket } = this.access;
    const feed = keyValueFeed(bucket, [this.key], {});
    const watcher = new KvWatcher(bucket.name, feed, {
      onEntry: (entry) => this.see(entry),
      onInitialized: () => {
        this.initialized = true;
        this.notify();
      },
      onRestarted: () => this.seeFree(0),
      onError: (error) => this.fail(error),
    });
    try {
      await feed.start();
    } catch (error) {
      feed.stop();
      throw error;
    }
    if (this.abandoned) void watcher.stop();
    else this.watcher = watcher;
  }

  private abandon(): void {
    this.abandoned = true;
    void this.watcher?.stop();
    this.notify();
  }

  private see(entry: KeyValueEntry<T>): void {
    const record = recordOf(entry);
    if (record) {
      this.holder = record;
      this.revision = entry.revision;
      this.seenAt = this.sightings.firstSeen(this.lock, record, entry.revision);
      this.notify();
    } else if (entry.operation === 'PUT') {
      this.fail(new InvalidArgumentError('key', `the value of "${this.key}" is not a lock; use another key`));
    } else {
      this.seeFree(entry.revision);
    }
  }

  private seeFree(revision: number): void {
    this.sightings.forget(this.lock);
    this.holder = undefined;
    this.revision = revision;
    this.notify();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.notify();
  }

  private notify(): void {
    this.changed = true;
    this.wake();
  }

  /** How long the current holder is still entitled to the lock, in milliseconds. */
  private waitingTime(): number {
    if (!this.holder || this.holder.id === this.record.id) return 0;
    return Math.max(0, this.seenAt + this.holder.ttl - performance.now());
  }

  private async attempt(): Promise<KeyLock | undefined> {
    const { bucket, writer } = this.access;
    const { record, key, revision } = this;
    // An earlier attempt was stored, and only its acknowledgement was lost.
    if (this.holder?.id === record.id) return this.adopt();
    const since = performance.now();
    try {
      const obtained = await writer.putIf(key, encodeRecord(record), {
        revision,
        ttl: bucket.allowsTtl ? wholeSeconds(record.ttl) : undefined,
        timeout: record.ttl,
      });
      return new KeyLock(this.access, key, record, obtained, since);
    } catch (error) {
      if (error instanceof RevisionMismatchError) await this.lookUp();
      else if (error instanceof PublishTimeoutError && error.sent) this.unknownSince ??= since;
      else if (!mayPass(error)) this.fail(toError(error));
    }
    return undefined;
  }

  /** Creates the lock of an attempt that was not acknowledged; its ttl counts from that attempt. */
  private adopt(): KeyLock {
    const { access, key, record, revision } = this;
    const lock = new KeyLock(access, key, record, revision, this.unknownSince ?? this.seenAt - record.ttl);
    // A new id distinguishes the next attempt from this one, in case this one is too old.
    this.record = { ...record, id: nuid.next() };
    this.unknownSince = undefined;
    this.holder = undefined;
    return lock;
  }

  /** Called when another contender obtained the lock first; the watch may be behind. */
  private async lookUp(): Promise<void> {
    const entry = await this.access.reader.change(this.key, { consistent: true }).catch(() => undefined);
    if (entry && entry.revision > this.revision) this.see(entry);
  }

  private silent(): RequestTimeoutError {
    const { bucket } = this.access;
    return new RequestTimeoutError(bucket.prefix + this.key, bucket.jetstream.connection.timeout);
  }

  private async pause(ms: number): Promise<void> {
    if (this.changed) return;
    await new Promise<void>((resolve) => {
      const timer = new Timer(ms, resolve, { keepsAlive: false });
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** Whether a failed write may succeed if it is retried. */
function mayPass(error: unknown): boolean {
  return error instanceof PublishTimeoutError || error instanceof NoStreamResponseError || isTransient(error);
}
