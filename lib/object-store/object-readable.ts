import { addAbortSignal, Readable } from 'node:stream';
import type { JetStreamApi } from '../jetstream/index.js';
import { ChunkDownload } from './chunk-download.js';
import type { ObjectCatalog } from './object-catalog.js';
import type { ObjectInfo } from './object-info.js';

/**
 * The content of an object as a Node stream of `Buffer`s, together with the object's description.
 *
 * It ends only after all of the content came and its digest proved right; otherwise it is destroyed with a
 * {@link DigestMismatchError}, {@link ObjectIncompleteError} or {@link ObjectChangedError}. It reads no further ahead
 * than the flow control window, however slowly it is read. Destroying it ends the transfer.
 *
 * @example
 * ```ts
 * const content = await store.get('report.pdf');
 * return new StreamableFile(content, { type: 'application/pdf', length: content.info.size });
 * ```
 */
export class ObjectReadable extends Readable {
  private download: ChunkDownload | undefined;

  private constructor(
    /** What the bucket said about the object when reading began. Of the object itself, where a link was asked for. */
    readonly info: ObjectInfo,
  ) {
    super({ highWaterMark: HIGH_WATER_MARK });
  }

  /** @internal Made by `ObjectStore.get`. */
  static async open(
    api: JetStreamApi,
    catalog: ObjectCatalog,
    info: ObjectInfo,
    stallTimeout: number,
    signal: AbortSignal | undefined,
  ): Promise<ObjectReadable> {
    const readable = new ObjectReadable(info);
    if (info.size === 0) {
      readable.push(null);
      return readable;
    }
    const download = new ChunkDownload(api, catalog, info, stallTimeout, {
      onChunk: (data) => readable.push(data),
      onEnd: () => void readable.push(null),
      onError: (error) => void readable.destroy(error),
    });
    readable.download = download;
    await download.start();
    if (signal?.aborted) download.stop();
    signal?.throwIfAborted();
    return signal ? addAbortSignal(signal, readable) : readable;
  }

  override _read(): void {
    this.download?.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.download?.stop();
    callback(error);
  }
}

const HIGH_WATER_MARK = 1_048_576;
