import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Logger } from '@nestjs/common';
import { nuid } from '@nats-io/transport-node';
import { InvalidArgumentError } from '../errors/index.js';
import { errorText, shown } from '../reporting/index.js';
import { piecesOf } from './chunk-source.js';
import type { ObjectInfo } from './object-info.js';
import type { ObjectPut } from './object-put.js';
import type { ObjectReadable } from './object-readable.js';

/** Puts the content of a file. */
export function putFromFile(path: string, put: ObjectPut): Promise<ObjectInfo> {
  // In pieces of the chunk size, so that no pieces have to be joined.
  return put.source(piecesOf(createReadStream(path, { highWaterMark: put.chunkSize })));
}

/** Writes content to a temporary file that is renamed when it is complete. */
export async function getToFile(content: ObjectReadable, path: string): Promise<ObjectInfo> {
  // In the same folder, because a rename cannot cross file systems; with a short name of its own, which cannot be too
  // long.
  const temporary = join(dirname(path), `.${nuid.next()}.part`);
  const file = createWriteStream(temporary, { flags: 'wx' });
  try {
    await pipeline(content, file);
    await rename(temporary, path);
  } catch (error) {
    // The file may still be opening, which would create it after it was removed.
    if (!file.closed) await new Promise<void>((resolve) => file.once('close', resolve));
    await rm(temporary, { force: true }).catch((failure: unknown) => {
      logger.warn(`The unfinished file ${temporary} cannot be removed: ${errorText(failure)}. Remove it.`);
    });
    throw error;
  }
  return content.info;
}

/** @throws {@link InvalidArgumentError} */
export function checkPath(path: string): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidArgumentError('path', `${shown(path)} is not the path of a file`);
  }
}

const logger = new Logger('ObjectStore');
