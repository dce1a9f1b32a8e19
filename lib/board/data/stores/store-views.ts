import { KeyNotFoundError } from '../../../errors/index.js';
import {
  type KeyValue,
  type KeyValueEntry,
  messageHeadersOf,
  validateKeyFilter,
} from '../../../key-value/index.js';
import { oneOf, required, text } from '../../../validation/index.js';
import type { EntryView } from '../../model/index.js';
import type { Views } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, nameText, PAGED, pageOf } from '../inputs.js';
import { pageOfRows } from '../page-of-rows.js';
import { listStreams } from '../streams/index.js';
import { BUCKET_KINDS, bucketRow } from './buckets.js';
import { readKeys } from './keys.js';
import { readObjects } from './objects.js';

const BUCKET = { bucket: required(nameText) };

/** The views of buckets, and of what is in them. */
export function storeViews(context: BoardContext): Views<'buckets' | 'keys' | 'entry' | 'objects'> {
  return {
    buckets: {
      parameters: { ...PAGED, kind: required(oneOf(Object.keys(BUCKET_KINDS))) },
      async answer({ connection, kind, ...page }, signal) {
        const { subject, bucketOf } = BUCKET_KINDS[kind];
        const selection = { subject, accepts: (stream: string) => bucketOf(stream) !== undefined };
        const jetstream = context.jetstream(connection);
        const { streams, next } = await listStreams(jetstream, selection, pageOf(page), signal);
        return pageOfRows(
          streams.map((info) => bucketRow(kind, info)),
          next,
        );
      },
    },
    keys: {
      parameters: { ...PAGED, ...BUCKET, filter: text },
      async answer({ connection, bucket, filter, ...page }, signal) {
        if (filter !== undefined) validateKeyFilter(bucket, filter);
        const jetstream = context.jetstream(connection);
        const store = await context.source.keyValue(jetstream.connection.name).open(bucket, { signal });
        const { stream: name, prefix } = store.access.bucket;
        const stream = await jetstream.stream(name, { signal });
        const { rows, next } = await readKeys(stream, { prefix, filter, page: pageOf(page) }, signal);
        const { numSubjects } = stream.cachedInfo.state;
        return pageOfRows(rows, next, filter === undefined ? numSubjects : undefined);
      },
    },
    entry: {
      parameters: { ...CONNECTION, ...BUCKET, key: required(text) },
      async answer({ connection: asked, bucket, key }, signal) {
        const { connection } = context.jetstream(asked);
        const store = await context.source.keyValue(connection.name).open(bucket, { signal });
        // The history also accepts filters, which would read the whole bucket.
        store.access.bucket.check(key);
        const history = await store.history(key, { signal });
        if (history.length === 0) throw new KeyNotFoundError(bucket, key);
        const shown = history
          .toReversed()
          .map((entry) => shownRevision(context, connection.name, store, entry));
        return { bucket, key, revisions: await Promise.all(shown) };
      },
    },
    objects: {
      parameters: { ...PAGED, ...BUCKET },
      async answer({ connection, bucket, ...page }, signal) {
        const jetstream = context.jetstream(connection);
        const store = await context.source.objectStore(jetstream.connection.name).open(bucket, { signal });
        const { stream: name, allInfos } = store.catalog.names;
        const stream = await jetstream.stream(name, { signal });
        const query = { bucket, filter: allInfos, page: pageOf(page) };
        const { rows, next } = await readObjects(stream, query, signal);
        return pageOfRows(rows, next);
      },
    },
  };
}

async function shownRevision(
  { payloads }: BoardContext,
  connection: string,
  { access: { bucket } }: KeyValue,
  entry: KeyValueEntry<unknown>,
): Promise<EntryView['revisions'][number]> {
  const { key, revision, created, operation, bytes } = entry;
  const { stream, prefix } = bucket;
  const shown = await payloads.show({
    connection,
    stream,
    subject: prefix + key,
    headers: messageHeadersOf(entry),
    data: bytes,
  });
  return {
    key,
    revision,
    time: created.toISOString(),
    operation,
    size: bytes.length,
    headers: shown.headers,
    payload: shown.payload,
  };
}
