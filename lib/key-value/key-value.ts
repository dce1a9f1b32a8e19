import {
  BucketNotFoundError,
  KeyDeletedError,
  KeyExistsError,
  KeyNotFoundError,
  RevisionMismatchError,
  StreamNotFoundError,
} from '../errors/index.js';
import type { RunningOperation } from '../instruments/index.js';
import { CALL_OPTIONS, type CallOptions, inSteps, waitOf } from '../jetstream/index.js';
import { optionsCheck, textsOf } from '../validation/index.js';
import { BucketAccess } from './bucket-access.js';
import { currentEntries, currentKeys, purgeDeletes, type PurgeDeletesOptions } from './bucket-listing.js';
import { type KeyValueGetOptions, validateRevision } from './bucket-reader.js';
import type { WriteConditions } from './bucket-writer.js';
import type { Bucket } from './bucket.js';
import { CachedKeyValue, type LocalCopy } from './cache/index.js';
import type { KeyValueEntry, KeyValuePut } from './key-value-entry.js';
import { KeyValueOperations } from './key-value-operations.js';
import { KeyValueStatus } from './key-value-status.js';
import {
  type KeyLock,
  type KeyValueLockOptions,
  type LeaderElection,
  type LeaderElectionOptions,
  type Leases,
  obtainLock,
  startElection,
} from './locks/index.js';
import { type KeyValueModification, type KeyValueModifyOptions, modify } from './modify.js';
import {
  checkOwner,
  keyValueFeed,
  KeyValueWatch,
  type KeyValueWatchOptions,
  KvWatcher,
  type KvWatcherOwner,
} from './watching/index.js';

/** The heartbeat interval of a live copy, in milliseconds. */
const CACHE_HEARTBEAT = 1_000;

/** Options of a deletion. */
export interface KeyValueDeleteOptions extends CallOptions {
  /** Deletes only if the key is at this revision. Default: any revision. */
  readonly revision?: number | undefined;
}

/** Options of a purge. */
export interface KeyValuePurgeOptions extends KeyValueDeleteOptions {
  /**
   * Removes the marker of the purge after this time, in milliseconds (whole seconds). The bucket needs
   * `limitMarkerTtl`. Default: the marker is kept. nats-server 2.11.
   */
  readonly ttl?: number | undefined;
}

/** Options of a new value. */
export interface KeyValueCreateOptions extends CallOptions {
  /**
   * Removes the value after this time, in milliseconds (whole seconds). The bucket needs `limitMarkerTtl`; if it keeps
   * a history, the server raises a shorter ttl to that. Default: the value is kept. nats-server 2.11.
   */
  readonly ttl?: number | undefined;
}

const checkCreateOptions = optionsCheck<KeyValueCreateOptions>('create', { ...CALL_OPTIONS, ttl: true });
const checkDeleteOptions = optionsCheck<KeyValueDeleteOptions>('delete', { ...CALL_OPTIONS, revision: true });
const checkPurgeOptions = optionsCheck<KeyValuePurgeOptions>('purge', {
  ...CALL_OPTIONS,
  revision: true,
  ttl: true,
});

/**
 * A Key-Value bucket (ADR-8): values of type `T` under keys, each change with a revision.
 *
 * Values are encoded by the bucket's codec, JSON by default; a `Uint8Array` is stored unchanged. Keys consist of
 * letters, digits and `-/_=.`, and every method that takes one throws {@link InvalidKeyError} for other keys.
 * Methods that send requests also reject with the errors of requests, as those of {@link JetStreamService} do.
 *
 * Every method that sends requests has the options {@link CallOptions}: `timeout` and `signal`. A write that was not
 * acknowledged in time is read back to determine its outcome, for at most another second.
 *
 * @example
 * ```ts
 * const revision = await profiles.put('sue', { color: 'blue' });
 * const entry = await profiles.get('sue');
 * entry?.value.color;
 * ```
 */
export class KeyValue<T = unknown> {
  /** @internal For features of this package that are built on buckets. */
  readonly access: BucketAccess<T>;
  private readonly operations: KeyValueOperations;

  /** @internal Created by {@link KeyValueService}. */
  constructor(
    private readonly store: Bucket<T>,
    private readonly leases: Leases,
    /** The copies of all buckets of the connection. */
    private readonly copies: Set<LocalCopy>,
  ) {
    this.access = new BucketAccess(store);
    this.operations = new KeyValueOperations(store);
  }

  /** The name of the bucket. */
  get bucket(): string {
    return this.store.name;
  }

  /**
   * Reads the value of a key; `undefined` if there is none: it never existed, was deleted, or has expired.
   *
   * @throws {@link BucketNotFoundError} if the bucket no longer exists
   */
  get(key: string, options?: KeyValueGetOptions): Promise<KeyValuePut<T> | undefined> {
    const { reader } = this.access;
    const { get } = this.operations;
    if (!get.isActive) return reader.value(key, options);
    return get.around({ target: key }, () => reader.value(key, options));
  }

  /**
   * Reads the value of a key that must exist.
   *
   * @throws {@link KeyNotFoundError} if there is no value; {@link KeyDeletedError}, a subclass, if it was deleted
   */
  async getOrThrow(key: string, options: KeyValueGetOptions = {}): Promise<KeyValuePut<T>> {
    const entry = await this.access.reader.change(key, options);
    if (!entry) throw new KeyNotFoundError(this.bucket, key);
    if (entry.operation !== 'PUT') throw new KeyDeletedError(this.bucket, key, entry.revision);
    return entry;
  }

  /**
   * Puts a value regardless of the current one.
   *
   * @returns its revision
   * @throws {@link PublishTimeoutError} if the server did not answer in time: it is unknown whether the value was
   * stored
   */
  put(key: string, value: T | Uint8Array, options?: CallOptions): Promise<number> {
    const { put } = this.operations;
    if (!put.isActive) return this.putNow(key, value, options);
    return put.around(
      { target: key },
      (operation) => this.putNow(key, value, options, operation),
      revisionResult,
    );
  }

  private putNow(
    key: string,
    value: T | Uint8Array,
    options: CallOptions | undefined,
    operation?: RunningOperation,
  ): Promise<number> {
    const { writer } = this.access;
    if (options === undefined && operation === undefined) return writer.put(key, value);
    return writer.putWithin(key, value, options ?? {}, operation);
  }

  /**
   * Puts a value if the key has none, or no longer has one.
   *
   * @returns its revision
   * @throws {@link KeyExistsError} if the key has a value
   */
  async create(key: string, value: T | Uint8Array, options: KeyValueCreateOptions = {}): Promise<number> {
    const { ttl, timeout, signal } = checkCreateOptions(options);
    return this.operations.create.around(
      { target: key },
      (operation) =>
        inSteps({ timeout, signal }, (left) => this.createWithin(key, value, { ...left, ttl, operation })),
      revisionResult,
    );
  }

  private async createWithin(
    key: string,
    value: T | Uint8Array,
    conditions: WriteConditions,
  ): Promise<number> {
    const { reader, writer } = this.access;
    const { timeout, signal } = conditions;
    for (let revision = 0; ;) {
      try {
        return await writer.putIf(key, value, { ...conditions, revision });
      } catch (error) {
        if (!(error instanceof RevisionMismatchError)) throw error;
        // A replica that is behind could return a value that was already removed.
        const last = await reader.change(key, { timeout, signal, consistent: true });
        // Another client may have deleted the key once more meanwhile: it has a later revision, and still no value.
        if (!last || last.operation === 'PUT' || last.revision <= revision) throw exists(error);
        revision = last.revision;
      }
    }
  }

  /**
   * Puts a value if the key is at this revision, so that no other write is overwritten.
   *
   * @param revision from `get`; 0: the key was never written. It is required: `undefined` is rejected
   * @returns the new revision
   * @throws {@link RevisionMismatchError} if the key is at another revision
   */
  async update(
    key: string,
    value: T | Uint8Array,
    revision: number,
    options: CallOptions = {},
  ): Promise<number> {
    // Without this check, the result of `entry?.revision` for a missing key would overwrite any value.
    validateRevision(revision);
    const conditions = { ...waitOf(options), revision };
    return this.operations.update.around(
      { target: key },
      (operation) => this.access.writer.putIf(key, value, { ...conditions, operation }),
      revisionResult,
    );
  }

  /**
   * Marks a key as deleted; its history is kept.
   *
   * @returns the revision of the marker
   * @throws {@link RevisionMismatchError} if `revision` is given and the key is at another one
   */
  async delete(key: string, options: KeyValueDeleteOptions = {}): Promise<number> {
    const { revision, timeout, signal } = checkDeleteOptions(options);
    return this.operations.delete.around(
      { target: key },
      (operation) => this.access.writer.remove(key, 'DEL', { revision, timeout, signal, operation }),
      revisionResult,
    );
  }

  /**
   * Marks a key as deleted and removes its history.
   *
   * @returns the revision of the marker
   * @throws {@link RevisionMismatchError} if `revision` is given and the key is at another one
   * @throws {@link KeyTtlDisabledError} if `ttl` is given and the bucket does not allow it
   */
  async purge(key: string, options: KeyValuePurgeOptions = {}): Promise<number> {
    const { revision, ttl, timeout, signal } = checkPurgeOptions(options);
    return this.operations.purge.around(
      { target: key },
      (operation) => this.access.writer.remove(key, 'PURGE', { revision, ttl, timeout, signal, operation }),
      revisionResult,
    );
  }

  /**
   * Watches keys: first their current values, then every change. Resolves when the watch is active on the server, so
   * that no later change is missed. All values acknowledged before are among the initial values; in a replicated
   * bucket, older values of the same keys may be delivered first. `timeout` and `signal` apply until the watch is active;
   * `stop` ends it afterwards.
   *
   * @param keys one filter or several, wildcards `*` and `>` included; several need nats-server 2.10. Default: all
   * @throws {@link InvalidKeyError}, {@link InvalidArgumentError}, {@link BucketNotFoundError}
   * @throws {@link RevisionNotReachedError} if `resumeFromRevision` is higher than any revision of the bucket
   */
  async watch(
    keys: string | readonly string[] = [],
    options: KeyValueWatchOptions = {},
  ): Promise<KeyValueWatch<T>> {
    const feed = keyValueFeed(this.store, toFilters(keys), options);
    const watch = new KeyValueWatch(feed);
    const { timeout, signal } = options;
    await feed.start({ timeout, signal });
    return watch;
  }

  /**
   * @internal The same as {@link watch}, with callbacks. They may be called before this resolves.
   *
   * @throws {@link InvalidKeyError}, {@link InvalidArgumentError}, {@link BucketNotFoundError}
   * @throws {@link RevisionNotReachedError} if `resumeFromRevision` is higher than any revision of the bucket
   */
  async follow(
    keys: string | readonly string[],
    options: KeyValueWatchOptions,
    owner: KvWatcherOwner<T>,
  ): Promise<KvWatcher<T>> {
    const feed = keyValueFeed(this.store, toFilters(keys), options);
    const watcher = new KvWatcher(this.store.name, feed, checkOwner(owner));
    const { timeout, signal } = options;
    await feed.start({ timeout, signal });
    return watcher;
  }

  /**
   * Creates a live copy in this process, which is read without requests. Resolves when all values are loaded.
   *
   * @param keys the keys to copy: one filter or several, as for {@link watch}. Default: all
   * @throws {@link InvalidKeyError}, {@link BucketNotFoundError}
   */
  async cached(keys: string | readonly string[] = [], options: CallOptions = {}): Promise<CachedKeyValue<T>> {
    const wait = waitOf(options);
    const feed = keyValueFeed(this.store, toFilters(keys), {}, CACHE_HEARTBEAT);
    const cached = new CachedKeyValue(this.store, feed, () => this.copies.delete(cached));
    await cached.start(wait);
    this.copies.add(cached);
    return cached;
  }

  /**
   * Reads a value, passes it to a function, and writes the result if no other write happened in between; otherwise it
   * starts again.
   *
   * @param change receives the value, `undefined` if there is none; if it returns `undefined`, nothing is written. It
   * may run several times, so it should have no side effects
   * @throws {@link TooManyConflictsError} if another write came first in every attempt
   *
   * @example
   * ```ts
   * await counters.modify('visits', (count = 0) => count + 1);
   * ```
   */
  async modify(
    key: string,
    change: (current: T | undefined) => T | undefined | Promise<T | undefined>,
    options: KeyValueModifyOptions = {},
  ): Promise<KeyValueModification<T>> {
    return modify(this.access, key, change, options);
  }

  /**
   * Waits for a lock on a key for this process. The lock is renewed automatically until it is released, at shutdown at
   * the latest.
   *
   * The key must be used only for this lock, not for a value. In a bucket with `limitMarkerTtl` and no history, the
   * server removes the lock of a crashed process; in other buckets, it stays until another contender takes it.
   *
   * @throws {@link LockNotObtainedError} if it was not obtained within `wait`
   * @throws {@link InvalidArgumentError} if the value of the key is not a lock
   *
   * @example
   * ```ts
   * await using lock = await locks.lock('nightly-report', { ttl: 30_000, wait: 0 });
   * await report({ signal: lock.signal });
   * ```
   */
  lock(key: string, options: KeyValueLockOptions = {}): Promise<KeyLock> {
    return obtainLock(this.access, this.leases, key, options);
  }

  /**
   * Takes part in an election: of all processes that contend for a key, one leads until it withdraws or fails to renew
   * the lock. At shutdown, this candidate withdraws automatically.
   *
   * @throws {@link InvalidArgumentError} if the ttl is invalid
   */
  elect(key: string, options: LeaderElectionOptions = {}): LeaderElection {
    return startElection(this.access, this.leases, key, options);
  }

  /**
   * The keys that have a value, in the order in which they were last written. They are returned as they arrive; for a
   * replicated bucket, all of them at the end. The `timeout` is how long the server may send nothing.
   *
   * @param filters one filter or several, wildcards `*` and `>` included; several need nats-server 2.10. Default: all
   * @throws {@link InvalidKeyError}, {@link BucketNotFoundError}, {@link RequestTimeoutError}
   */
  async *keys(
    filters: string | readonly string[] = [],
    options: CallOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    yield* currentKeys(this.store, toFilters(filters), waitOf(options));
  }

  /**
   * The stored history of a key, oldest first, including deletion markers; empty if there is none.
   *
   * @throws {@link InvalidKeyError}, {@link BucketNotFoundError}, {@link RequestTimeoutError}
   */
  async history(key: string, options: CallOptions = {}): Promise<KeyValueEntry<T>[]> {
    return inSteps(options, async (left) => {
      let entries: KeyValueEntry<T>[] = [];
      for await (const entry of currentEntries(this.store, [key], { includeHistory: true }, left)) {
        // A replica that is behind may still have values that were purged.
        if (entry.operation === 'PURGE') entries = [];
        entries.push(entry);
      }
      return entries;
    });
  }

  /**
   * Removes deletion markers, which would otherwise be kept forever.
   *
   * @returns the number of removed values and markers
   * @throws {@link InvalidArgumentError}, {@link BucketNotFoundError}, {@link RequestTimeoutError}
   */
  async purgeDeletes(options: PurgeDeletesOptions = {}): Promise<number> {
    return purgeDeletes(this.store, options);
  }

  /**
   * Requests the bucket's configuration and state.
   *
   * @throws {@link BucketNotFoundError} if it no longer exists
   */
  async status(options: CallOptions = {}): Promise<KeyValueStatus> {
    const { jetstream, stream, name } = this.store;
    try {
      return new KeyValueStatus((await jetstream.stream(stream, options)).cachedInfo);
    } catch (cause) {
      throw cause instanceof StreamNotFoundError
        ? new BucketNotFoundError('Key-Value', name, { cause })
        : cause;
    }
  }
}

function toFilters(keys: string | readonly string[]): readonly string[] {
  return textsOf('keys', keys);
}

function exists({ bucket, key, status, code, description }: RevisionMismatchError): KeyExistsError {
  return new KeyExistsError(bucket, key, { code: status, err_code: code, description });
}

/** The result of a change of a key, for instruments. */
function revisionResult(revision: number): { readonly sequence: number } {
  return { sequence: revision };
}
