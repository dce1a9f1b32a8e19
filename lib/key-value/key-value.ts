import {
  BucketNotFoundError,
  KeyDeletedError,
  KeyExistsError,
  KeyNotFoundError,
  RevisionMismatchError,
  StreamNotFoundError,
} from '../errors/index.js';
import { optionsCheck, textsOf } from '../validation/index.js';
import { BucketAccess } from './bucket-access.js';
import { currentEntries, currentKeys, purgeDeletes, type PurgeDeletesOptions } from './bucket-listing.js';
import { type KeyValueGetOptions, validateRevision } from './bucket-reader.js';
import type { Bucket } from './bucket.js';
import { CachedKeyValue } from './cache/index.js';
import type { KeyValueEntry, KeyValuePut } from './key-value-entry.js';
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
  KeyValueWatch,
  type KeyValueWatchOptions,
  KvWatcher,
  type KvWatcherOwner,
  WatchFeed,
} from './watching/index.js';

/** How often the server tells a live copy that nothing happened, in milliseconds. */
const CACHE_HEARTBEAT = 1_000;

/** What a deletion expects. */
export interface KeyValueDeleteOptions {
  /** Only where the key is at that revision. Default: whatever it is at. */
  readonly revision?: number | undefined;
}

/** What a purge expects and leaves behind. */
export interface KeyValuePurgeOptions extends KeyValueDeleteOptions {
  /**
   * Removes the mark of the purge after that many milliseconds, in whole seconds. The bucket needs `limitMarkerTtl`.
   * Default: it stays. nats-server 2.11.
   */
  readonly ttl?: number | undefined;
}

/** What becomes of a value that is created. */
export interface KeyValueCreateOptions {
  /**
   * Removes the value after that many milliseconds, in whole seconds. The bucket needs `limitMarkerTtl`; where it keeps
   * a history, the server raises a shorter ttl to that. Default: the value stays. nats-server 2.11.
   */
  readonly ttl?: number | undefined;
}

const checkCreateOptions = optionsCheck<KeyValueCreateOptions>('create', { ttl: true });
const checkDeleteOptions = optionsCheck<KeyValueDeleteOptions>('delete', { revision: true });
const checkPurgeOptions = optionsCheck<KeyValuePurgeOptions>('purge', { revision: true, ttl: true });

/**
 * A Key-Value bucket (ADR-8): values of type `T` under keys, each change with a revision.
 *
 * Values are encoded by the bucket's codec, JSON unless it was given another one; a `Uint8Array` goes as it is. Keys
 * consist of letters, digits and `-/_=.`, and every method that takes one throws {@link InvalidKeyError} for others.
 *
 * @example
 * ```ts
 * const revision = await profiles.put('sue', { color: 'blue' });
 * const entry = await profiles.get('sue');
 * entry?.value.color;
 * ```
 */
export class KeyValue<T = unknown> {
  /** @internal For what is built on buckets in this package. */
  readonly access: BucketAccess<T>;

  /** @internal Made by {@link KeyValueService}. */
  constructor(
    private readonly store: Bucket<T>,
    private readonly leases: Leases,
  ) {
    this.access = new BucketAccess(store);
  }

  /** The name of the bucket. */
  get bucket(): string {
    return this.store.name;
  }

  /**
   * The value of a key; `undefined` where there is none, whether it never was, was deleted, or expired.
   *
   * @throws {@link BucketNotFoundError} where the bucket is gone
   */
  get(key: string, options?: KeyValueGetOptions): Promise<KeyValuePut<T> | undefined> {
    return this.access.reader.value(key, options);
  }

  /**
   * The value of a key that must have one.
   *
   * @throws {@link KeyNotFoundError} where it has none; {@link KeyDeletedError}, a subclass, where it had one
   */
  async getOrThrow(key: string, options: KeyValueGetOptions = {}): Promise<KeyValuePut<T>> {
    const entry = await this.access.reader.change(key, options);
    if (!entry) throw new KeyNotFoundError(this.bucket, key);
    if (entry.operation !== 'PUT') throw new KeyDeletedError(this.bucket, key, entry.revision);
    return entry;
  }

  /**
   * Puts a value, whatever there was before.
   *
   * @returns its revision
   * @throws {@link PublishTimeoutError} where the server did not answer in time: the value may or may not be there
   */
  put(key: string, value: T | Uint8Array): Promise<number> {
    return this.access.writer.put(key, value);
  }

  /**
   * Puts a value where there is none, or no longer.
   *
   * @returns its revision
   * @throws {@link KeyExistsError} where there is one
   */
  async create(key: string, value: T | Uint8Array, options: KeyValueCreateOptions = {}): Promise<number> {
    const { ttl } = checkCreateOptions(options);
    try {
      return await this.access.writer.putIf(key, value, { ttl, revision: 0 });
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      // A replica that is behind would tell of a value that is removed by now.
      const last = await this.access.reader.change(key, { consistent: true });
      if (!last || last.operation === 'PUT') throw exists(error);
      return this.access.writer
        .putIf(key, value, { ttl, revision: last.revision })
        .catch((conflict: unknown) => {
          throw conflict instanceof RevisionMismatchError ? exists(conflict) : conflict;
        });
    }
  }

  /**
   * Puts a value where the key is at that revision: nobody has written it since.
   *
   * @param revision as `get` told it; 0: the key was never written. It must be given: `undefined` is refused
   * @returns the new revision
   * @throws {@link RevisionMismatchError} where the key is at another revision
   */
  async update(key: string, value: T | Uint8Array, revision: number): Promise<number> {
    // Without one, the result of `entry?.revision` for a missing key would overwrite whatever is there.
    validateRevision(revision);
    return this.access.writer.putIf(key, value, { revision });
  }

  /**
   * Marks a key as deleted; its history stays.
   *
   * @returns the revision of the mark
   * @throws {@link RevisionMismatchError} where `revision` is given and the key is at another one
   */
  async delete(key: string, options: KeyValueDeleteOptions = {}): Promise<number> {
    const { revision } = checkDeleteOptions(options);
    return this.access.writer.remove(key, 'DEL', { revision });
  }

  /**
   * Marks a key as deleted and removes its history.
   *
   * @returns the revision of the mark
   * @throws {@link RevisionMismatchError} where `revision` is given and the key is at another one
   * @throws {@link KeyTtlDisabledError} where `ttl` is given and the bucket takes none
   */
  async purge(key: string, options: KeyValuePurgeOptions = {}): Promise<number> {
    const { revision, ttl } = checkPurgeOptions(options);
    return this.access.writer.remove(key, 'PURGE', { revision, ttl });
  }

  /**
   * Follows keys: first what the bucket holds, then every change. Resolves when the server has the watch, so that no
   * change from then on is missed. All that was acknowledged before is among the initial values; in a replicated bucket
   * they may begin with older ones of the same keys.
   *
   * @param keys one filter or several, wildcards `*` and `>` included; several need nats-server 2.10. Default: all
   * @throws {@link InvalidKeyError}, {@link InvalidArgumentError}, {@link BucketNotFoundError}
   * @throws {@link RevisionNotReachedError} if `resumeFromRevision` is beyond what the bucket ever held
   */
  async watch(
    keys: string | readonly string[] = [],
    options: KeyValueWatchOptions = {},
  ): Promise<KeyValueWatch<T>> {
    const feed = new WatchFeed(this.store, toFilters(keys), options);
    const watch = new KeyValueWatch(feed);
    await feed.start();
    return watch;
  }

  /**
   * As {@link watch}, calling back. Calls may come before this resolves.
   *
   * @throws {@link InvalidKeyError}, {@link InvalidArgumentError}, {@link BucketNotFoundError}
   * @throws {@link RevisionNotReachedError} if `resumeFromRevision` is beyond what the bucket ever held
   */
  async follow(
    keys: string | readonly string[],
    options: KeyValueWatchOptions,
    owner: KvWatcherOwner<T>,
  ): Promise<KvWatcher<T>> {
    const feed = new WatchFeed(this.store, toFilters(keys), options);
    const watcher = new KvWatcher(feed, checkOwner(owner));
    await feed.start();
    return watcher;
  }

  /**
   * A live copy in this process, with reads that ask nobody. Resolves when every value is there.
   *
   * @param keys what to copy: one filter or several, as for {@link watch}. Default: all
   * @throws {@link InvalidKeyError}, {@link BucketNotFoundError}
   */
  async cached(keys: string | readonly string[] = []): Promise<CachedKeyValue<T>> {
    const feed = new WatchFeed(this.store, toFilters(keys), {}, CACHE_HEARTBEAT);
    const cached = new CachedKeyValue(this.store, feed);
    await cached.start();
    return cached;
  }

  /**
   * Reads a value, lets a function change it, and writes what that gives, provided that nobody else has written in
   * between; else does all of it again.
   *
   * @param change gets the value, `undefined` where there is none; where it gives `undefined`, nothing is written. It
   *   may run several times, so it should have no other effects
   * @throws {@link TooManyConflictsError} where others were faster in every attempt
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
   * Locks a key for this process, waiting for its turn. The lock is renewed until it is released, and at shutdown it is
   * released by itself.
   *
   * The key must be one of its own, not one that holds a value. In a bucket with `limitMarkerTtl` and no history the
   * server removes the lock of a process that crashed; in others it stays until somebody else wants it.
   *
   * @throws {@link LockNotObtainedError} where `wait` is over
   * @throws {@link InvalidArgumentError} where the key holds a value that is no lock
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
   * Takes part in an election: of all processes that contend for a key one leads, until it goes or gives no sign of
   * life. At shutdown this candidate withdraws by itself.
   *
   * @throws {@link InvalidArgumentError} for a ttl that cannot be right
   */
  elect(key: string, options: LeaderElectionOptions = {}): LeaderElection {
    return startElection(this.access, this.leases, key, options);
  }

  /**
   * The keys that have a value, in the order in which they were last written: as they come, of a replicated bucket all
   * at the end.
   *
   * @param filters one filter or several, wildcards `*` and `>` included; several need nats-server 2.10. Default: all
   */
  async *keys(filters: string | readonly string[] = []): AsyncGenerator<string, void, undefined> {
    yield* currentKeys(this.store, toFilters(filters));
  }

  /** All that the bucket keeps of a key, oldest first, marks of removals too; nothing where it keeps nothing. */
  async history(key: string): Promise<KeyValueEntry<T>[]> {
    let entries: KeyValueEntry<T>[] = [];
    for await (const entry of currentEntries(this.store, [key], { includeHistory: true })) {
      // A replica that is behind may still have what was purged.
      if (entry.operation === 'PURGE') entries = [];
      entries.push(entry);
    }
    return entries;
  }

  /**
   * Removes the marks that deletions left, which would stay for ever otherwise.
   *
   * @returns how many values and marks were removed
   */
  async purgeDeletes(options: PurgeDeletesOptions = {}): Promise<number> {
    return purgeDeletes(this.store, options);
  }

  /**
   * The bucket's configuration and state.
   *
   * @throws {@link BucketNotFoundError} where it is gone
   */
  async status(): Promise<KeyValueStatus> {
    const { jetstream, stream, name } = this.store;
    try {
      return new KeyValueStatus((await jetstream.stream(stream)).cachedInfo);
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
