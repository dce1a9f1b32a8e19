import { KeyNotFoundError } from '../../../errors/index.js';
import type { ObjectStore } from '../../../object-store/index.js';
import { required, text } from '../../../validation/index.js';
import type { Downloads } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, nameText, sequenceText } from '../inputs.js';
import { wholeFile } from '../whole-file.js';

const BUCKET = { ...CONNECTION, bucket: required(nameText) };

/** Values and objects as files. */
export function storeDownloads(context: BoardContext): Downloads<'entry' | 'object'> {
  return {
    entry: {
      parameters: { ...BUCKET, key: required(text), revision: required(sequenceText) },
      async open({ connection, bucket, key, revision }, signal) {
        const { name } = context.jetstream(connection).connection;
        const store = await context.source.keyValue(name).open(bucket, { signal });
        const options = { revision: Number(revision), signal };
        const found = await store.access.reader.change(key, options);
        if (found === undefined) throw new KeyNotFoundError(bucket, key, `has no revision ${revision}`);
        return wholeFile(`${bucket}-${key}-${revision}.bin`, found.bytes);
      },
    },
    object: {
      parameters: { ...BUCKET, name: required(text) },
      async open({ connection: asked, bucket, name }, signal) {
        const { connection } = context.jetstream(asked);
        const store = await context.source.objectStore(connection.name).open(bucket, { signal });
        const { link, size } = await store.info(name, { signal });
        return {
          fileName: name,
          // The size of a link's target is not known yet.
          ...(link === undefined && { size }),
          content: contentOf(store, name, signal),
        };
      },
    },
  };
}

/** The chunks of an object. They are requested when they are read, because a download that is not read (a HEAD request) would never end. */
async function* contentOf(
  store: ObjectStore,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* (await store.get(name, { signal })) as AsyncIterable<Uint8Array>;
}
