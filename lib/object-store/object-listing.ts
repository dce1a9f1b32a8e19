import { type CallOptions, initialEntries, type WatchFeed } from '../jetstream/index.js';
import type { ObjectCatalog } from './object-catalog.js';
import type { ObjectInfo } from './object-info.js';
import { objectFeed, type ObjectWatchEntry, type ObjectWatchOptions } from './object-store-watch.js';

/** Starts a feed of the descriptions of a bucket, within the limits of the call. */
export function startFeed(
  catalog: ObjectCatalog,
  options: ObjectWatchOptions,
  wait: CallOptions,
): Promise<WatchFeed<ObjectWatchEntry>> {
  return catalog.retried(wait, async (left) => {
    const feed = objectFeed(catalog, options);
    await feed.start(left);
    return feed;
  });
}

/** The descriptions of all objects and links, each once. */
export async function* listObjects(
  catalog: ObjectCatalog,
  showDeleted: boolean,
  wait: CallOptions,
): AsyncGenerator<ObjectInfo, void, undefined> {
  // A replica that is behind first delivers objects that were deleted, and their deletion afterwards.
  if (catalog.replicated) yield* settledList(catalog, showDeleted, wait);
  else yield* quickList(catalog, showDeleted, wait);
}

/**
 * Whether the description of an object refers to an id. The marker of a deleted object does not count, because it has
 * no chunks.
 */
export async function isNamed(catalog: ObjectCatalog, id: string): Promise<boolean> {
  for await (const info of present(catalog)) if (info.nuid === id && !info.deleted) return true;
  return false;
}

async function* quickList(
  catalog: ObjectCatalog,
  showDeleted: boolean,
  wait: CallOptions,
): AsyncGenerator<ObjectInfo, void, undefined> {
  // An object that is written while the server lists it is delivered twice.
  const seen = new Set<string>();
  for await (const info of present(catalog, wait)) {
    if (info.deleted && !showDeleted) continue;
    if (!seen.has(info.name)) yield info;
    seen.add(info.name);
  }
}

async function* settledList(
  catalog: ObjectCatalog,
  showDeleted: boolean,
  wait: CallOptions,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const objects = new Map<string, ObjectInfo>();
  for await (const info of present(catalog, wait)) {
    objects.delete(info.name);
    if (!info.deleted || showDeleted) objects.set(info.name, info);
  }
  yield* objects.values();
}

async function* present(
  catalog: ObjectCatalog,
  wait: CallOptions = {},
): AsyncGenerator<ObjectInfo, void, undefined> {
  const feed = await startFeed(catalog, {}, wait);
  const { timeout = catalog.patience().deadline.left, signal } = wait;
  const entries = initialEntries(feed, { timeout, signal });
  for await (const { initial: _initial, ...info } of entries) yield info;
}
