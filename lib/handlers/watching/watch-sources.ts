import { type HandlerSource, InvalidPayloadError } from '../../consuming/index.js';
import { RevisionNotReachedError } from '../../errors/index.js';
import { isRecreated, type StreamOrigin } from '../../jetstream/index.js';
import { type KeyValue, type KeyValueEntry, messageHeadersOf } from '../../key-value/index.js';
import { objectHeadersOf, type ObjectStore, type ObjectWatchEntry } from '../../object-store/index.js';
import { errorText, toError } from '../../reporting/index.js';
import { KvContext, ObjectContext } from '../contexts/index.js';
import type { KvWatchPlan, ObjectWatchPlan } from '../planning/index.js';
import type { WatchSource } from './watch-source.js';

const NOTHING = new Uint8Array(0);

/** Reads the parameters of a `@KvWatch` handler from an entry. */
export const kvEntrySource: HandlerSource<KeyValueEntry<unknown>> = {
  payload: (entry) => {
    try {
      return entry.value ?? null;
    } catch (error) {
      throw new InvalidPayloadError(`the value cannot be decoded: ${errorText(error)}`, {
        cause: error,
      });
    }
  },
  context: (entry) => new KvContext(entry),
  pattern: ({ key }) => key,
};

/** Reads the parameters of an `@ObjectWatch` handler from the description of an object. */
export const objectEntrySource: HandlerSource<ObjectWatchEntry> = {
  payload: (info) => info,
  context: (info) => new ObjectContext(info),
  pattern: ({ name }) => name,
};

/** The source of a `@KvWatch` handler. */
export function kvWatchSource({
  definition,
  handler,
  connection,
}: KvWatchPlan): WatchSource<KeyValueEntry<unknown>> {
  const { bucket, options } = definition.metadata;
  const { keys = [], connection: _, enabled: __, waitForInitialValues = false, ...watch } = options;
  const fromStart = { ...watch, resumeFromRevision: undefined };
  /** The bucket to which `resumeFromRevision` refers. */
  let first: StreamOrigin | undefined;
  return {
    kind: 'kv-watch',
    handler,
    connection: connection.jetstream.connection,
    bucket,
    waitForInitialValues,
    origin: () => originOf(connection.keyValue.open(bucket)),
    open: async (owner, after) => {
      const store = await connection.keyValue.open(bucket);
      const { origin } = store.access.bucket;
      first ??= origin;
      if (after === undefined) {
        return store.follow(keys, isRecreated(first, origin) ? fromStart : watch, owner);
      }
      try {
        // If the watch is opened again, it continues after the last handled entry instead of at its start.
        return await store.follow(
          keys,
          { ...watch, updatesOnly: false, resumeFromRevision: after + 1 },
          owner,
        );
      } catch (error) {
        if (!(error instanceof RevisionNotReachedError)) throw error;
      }
      // The bucket lost its newest entries in a crash, so later revisions refer to other entries.
      owner.onRestarted();
      return store.follow(keys, fromStart, owner);
    },
    revisionOf: ({ revision }) => revision,
    nameOf: ({ key }) => key,
    ignoreDeletes: options.ignoreDeletes ?? false,
    bytesOf: ({ bytes }) => bytes,
    headersOf: messageHeadersOf,
  };
}

/** The source of an `@ObjectWatch` handler. */
export function objectWatchSource({
  definition,
  handler,
  connection,
}: ObjectWatchPlan): WatchSource<ObjectWatchEntry> {
  const { bucket, options } = definition.metadata;
  const { connection: _, enabled: __, waitForInitialValues = false, ...watch } = options;
  return {
    kind: 'object-watch',
    handler,
    connection: connection.jetstream.connection,
    bucket,
    waitForInitialValues,
    origin: () => originOf(connection.objectStore.open(bucket)),
    open: async (owner, after = 0) => {
      const store = await connection.objectStore.open(bucket);
      // If the watch is opened again, it starts from the beginning, and entries that were already handled are skipped.
      let handled = after;
      const watcher = await store.follow(watch, {
        onInitialized: () => owner.onInitialized(),
        onRestarted: () => {
          handled = 0;
          owner.onRestarted();
        },
      });
      const done = (async () => {
        for await (const info of watcher) {
          if (info.revision > handled) await owner.onEntry(info);
        }
      })();
      done.catch((error: unknown) => owner.onError(toError(error)));
      return {
        stop: async () => {
          watcher.stop();
          await done.catch(() => undefined);
        },
      };
    },
    revisionOf: ({ revision }) => revision,
    nameOf: ({ name }) => name,
    ignoreDeletes: options.ignoreDeletes ?? false,
    bytesOf: () => NOTHING,
    headersOf: objectHeadersOf,
  };
}

/** When the bucket of a store was created. */
async function originOf(opening: Promise<KeyValue | ObjectStore>): Promise<StreamOrigin> {
  const store = await opening;
  return (await store.status()).streamInfo;
}
