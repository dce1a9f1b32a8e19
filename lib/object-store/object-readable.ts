import { Readable } from 'node:stream';
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
  /** What has arrived and was not asked for yet. */
  private readonly queue: Uint8Array[] = [];
  private queuedBytes = 0;
  private wanted = false;
  private complete = false;

  private constructor(
    /** What the bucket said about the object when reading began. Of the object itself, where a link was asked for. */
    readonly info: ObjectInfo,
  ) {
    // What the stream holds besides the chunk that is being read is copied together; so it is given one at a time.
    super({ highWaterMark: 1 });
  }

  /** @internal Made by `ObjectStore.get`. */
  static async open(
    api: JetStreamApi,
    catalog: ObjectCatalog,
    info: ObjectInfo,
    stallTimeout: number,
    signal: AbortSignal | undefined,
  ): Promise<ObjectReadable> {
    signal?.throwIfAborted();
    const readable = new ObjectReadable(info);
    if (info.size === 0) readable.complete = true;
    else await readable.start(api, catalog, stallTimeout);
    if (signal?.aborted) readable.download?.stop();
    signal?.throwIfAborted();
    if (signal) readable.obey(signal);
    return readable;
  }

  override _read(): void {
    this.wanted = true;
    // Of what is pushed before this returns, together with what it holds, the stream would make one chunk by copying.
    queueMicrotask(() => this.serve());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.download?.stop();
    this.queue.length = 0;
    callback(error);
  }

  private async start(api: JetStreamApi, catalog: ObjectCatalog, stallTimeout: number): Promise<void> {
    this.download = new ChunkDownload(api, catalog, this.info, stallTimeout, {
      onData: (data) => {
        this.queue.push(data);
        this.queuedBytes += data.length;
        this.serve();
        return this.queuedBytes < READ_AHEAD;
      },
      onEnd: () => {
        this.complete = true;
        this.serve();
      },
      onError: (error) => void this.destroy(error),
    });
    await this.download.start();
  }

  private obey(signal: AbortSignal): void {
    const abort = (): void => void this.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    this.once('close', () => signal.removeEventListener('abort', abort));
  }

  private serve(): void {
    if (!this.wanted || this.destroyed) return;
    const chunk = this.queue.shift();
    if (chunk) {
      this.wanted = false;
      this.queuedBytes -= chunk.length;
      if (this.queuedBytes < READ_AHEAD) this.download?.resume();
      this.push(chunk);
    } else if (this.complete) {
      this.push(null);
    }
  }
}

const READ_AHEAD = 1_048_576;
