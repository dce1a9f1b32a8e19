import { CALL_OPTIONS, type CallOptions, initialEntries, inSteps } from '../jetstream/index.js';
import { checkMilliseconds, FINITE, optionsCheck } from '../validation/index.js';
import type { Bucket } from './bucket.js';
import type { KeyValueEntry } from './key-value-entry.js';
import { keyValueFeed, type KeyValueWatchOptions } from './watching/index.js';

/** Selects the deletion markers that `purgeDeletes` removes. */
export interface PurgeDeletesOptions extends CallOptions {
  /**
   * Removes markers older than this, in milliseconds; of younger ones, only the earlier history is removed. 0: all
   * markers. Default 1,800,000, half an hour, so that an interrupted watch still receives the deletions.
   */
  readonly olderThan?: number | undefined;
}

const checkOptions = optionsCheck<PurgeDeletesOptions>('purgeDeletes', {
  ...CALL_OPTIONS,
  olderThan: true,
});

const HALF_AN_HOUR = 1_800_000;
const PARALLEL_PURGES = 16;

/** The heartbeat interval while the bucket is read, in milliseconds. */
const HEARTBEAT = 1_000;

/**
 * The current entries of the bucket, in order of revisions. Leaving the loop stops the server.
 *
 * @param wait its `timeout` is the longest silence of the server. Default: the connection's timeout
 * @throws {@link RequestTimeoutError} if nothing, not even a heartbeat, arrives from the server for longer
 */
export async function* currentEntries<T>(
  bucket: Bucket<T>,
  filters: readonly string[],
  options: KeyValueWatchOptions,
  wait: CallOptions,
): AsyncGenerator<KeyValueEntry<T>, void, undefined> {
  const feed = keyValueFeed(bucket, filters, options, HEARTBEAT);
  await feed.start(wait);
  yield* initialEntries(feed, wait);
}

/** The keys that have a value, each once. */
export async function* currentKeys<T>(
  bucket: Bucket<T>,
  filters: readonly string[],
  wait: CallOptions,
): AsyncGenerator<string, void, undefined> {
  if (bucket.replicated) return yield* settledKeys(bucket, filters, wait);
  // A key that is written while the server lists it is delivered twice.
  const listed = new Set<string>();
  const options = { ignoreDeletes: true, metaOnly: true };
  for await (const { key } of currentEntries(bucket, filters, options, wait)) {
    if (listed.has(key)) continue;
    listed.add(key);
    yield key;
  }
}

/** A replica that is behind first delivers keys that were removed, and their removal afterwards. */
async function* settledKeys<T>(
  bucket: Bucket<T>,
  filters: readonly string[],
  wait: CallOptions,
): AsyncGenerator<string, void, undefined> {
  const keys = new Set<string>();
  for await (const { key, operation } of currentEntries(bucket, filters, { metaOnly: true }, wait)) {
    keys.delete(key);
    if (operation === 'PUT') keys.add(key);
  }
  yield* keys;
}

/**
 * Removes deletion markers with the history of their keys. Only messages up to the marker are removed: a value that
 * another client puts in the meantime is kept.
 *
 * @returns the number of removed messages
 */
export async function purgeDeletes<T>(bucket: Bucket<T>, options: PurgeDeletesOptions): Promise<number> {
  const { olderThan = HALF_AN_HOUR, timeout, signal } = checkOptions(options);
  checkMilliseconds('olderThan', olderThan, FINITE);
  return inSteps({ timeout, signal }, async (left) => {
    const purges = await findPurges(bucket, olderThan, left);
    return purgeAll(bucket, purges, left);
  });
}

/** A purge of the messages of one key before a sequence. */
interface Purge {
  readonly filter: string;
  readonly seq: number;
}

async function findPurges<T>(bucket: Bucket<T>, olderThan: number, wait: CallOptions): Promise<Purge[]> {
  const limit = Date.now() - olderThan;
  const purges: Purge[] = [];
  const entries = currentEntries(bucket, [], { metaOnly: true }, wait);
  for await (const { operation, key, revision, created } of entries) {
    if (operation === 'PUT') continue;
    // The server removes the messages before this sequence.
    const seq = olderThan === 0 || created.getTime() <= limit ? revision + 1 : revision;
    purges.push({ filter: bucket.prefix + key, seq });
  }
  return purges;
}

/** @returns the number of removed messages */
async function purgeAll<T>(
  bucket: Bucket<T>,
  purges: readonly Purge[],
  options: CallOptions,
): Promise<number> {
  let purged = 0;
  const work = purges.values();
  const purgeRest = async (): Promise<void> => {
    for (const purge of work) {
      const answer = await bucket.jetstream.api.call<{ readonly purged: number }>(
        `STREAM.PURGE.${bucket.stream}`,
        purge,
        { ...options, stream: bucket.stream },
      );
      purged += answer.purged;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_PURGES }, purgeRest));
  return purged;
}
