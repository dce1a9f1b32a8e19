import { Buffer } from 'node:buffer';
import { ObjectTooLargeError } from '../errors/index.js';
import { onAbort, throwIfAborted } from '../user-code/index.js';
import { ChunkDownload, type ReadOptions } from './chunk-download.js';
import type { ObjectCatalog } from './object-catalog.js';
import type { ObjectInfo } from './object-info.js';

/**
 * Reads the whole content of an object into one buffer, without using a stream.
 *
 * @throws {@link ObjectTooLargeError}
 */
export async function readBytes(
  catalog: ObjectCatalog,
  info: ObjectInfo,
  options: ReadOptions,
): Promise<Buffer> {
  const { signal } = options;
  throwIfAborted(signal);
  if (info.size === 0) return Buffer.alloc(0);
  let content: Buffer | undefined;
  let filled = 0;
  let callOff: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const download = new ChunkDownload(catalog, info, options, {
        onData: (data) => {
          try {
            // Allocated only when the first chunk has arrived, because a description may claim any size.
            content ??= allocate(info);
            content.set(data, filled);
            filled += data.length;
          } catch (error) {
            download.stop();
            reject(error);
          }
          return true;
        },
        onEnd: resolve,
        onError: reject,
      });
      if (signal) {
        callOff = onAbort(signal, (reason) => {
          download.stop();
          reject(reason);
        });
      }
      download.start().catch(reject);
    });
  } finally {
    callOff?.();
  }
  return content ?? Buffer.alloc(0);
}

function allocate({ bucket, name, size }: ObjectInfo): Buffer {
  try {
    return Buffer.allocUnsafeSlow(size);
  } catch (cause) {
    throw new ObjectTooLargeError(bucket, name, size, { cause });
  }
}
