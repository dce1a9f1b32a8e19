import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { nuid } from '@nats-io/transport-node';
import type { ObjectInfo } from './object-info.js';
import type { ObjectPut } from './object-put.js';
import type { ObjectReadable } from './object-readable.js';

/** Puts the content of a file. */
export function putFromFile(path: string, put: ObjectPut): Promise<ObjectInfo> {
  // In pieces of the chunks' size, so that none has to be put together.
  return put.source(createReadStream(path, { highWaterMark: put.chunkSize }));
}

/** Writes content into a file that appears under its name when it is complete. */
export async function getToFile(content: ObjectReadable, path: string): Promise<ObjectInfo> {
  // In the same folder, for a rename does not reach across file systems.
  const temporary = `${path}.${nuid.next()}.part`;
  const file = createWriteStream(temporary, { flags: 'wx' });
  try {
    await pipeline(content, file);
    await rename(temporary, path);
  } catch (error) {
    // It may still be being opened, which would make it after it was removed.
    if (!file.closed) await new Promise<void>((resolve) => file.once('close', resolve));
    await rm(temporary, { force: true });
    throw error;
  }
  return content.info;
}
