import { Buffer } from 'node:buffer';
import type { JetStreamApi } from '../jetstream/index.js';
import { ChunkDownload } from './chunk-download.js';
import type { ObjectCatalog } from './object-catalog.js';
import type { ObjectInfo } from './object-info.js';

/** Reads the whole content of an object into one buffer, without a stream in between. */
export async function readBytes(
  api: JetStreamApi,
  catalog: ObjectCatalog,
  info: ObjectInfo,
  stallTimeout: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  signal?.throwIfAborted();
  if (info.size === 0) return Buffer.alloc(0);
  const content = Buffer.allocUnsafeSlow(info.size);
  let filled = 0;
  let abort: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const download = new ChunkDownload(api, catalog, info, stallTimeout, {
        onData: (data) => {
          content.set(data, filled);
          filled += data.length;
          return true;
        },
        onEnd: resolve,
        onError: reject,
      });
      abort = () => {
        download.stop();
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort);
      download.start().catch(reject);
    });
  } finally {
    if (abort) signal?.removeEventListener('abort', abort);
  }
  return content;
}
