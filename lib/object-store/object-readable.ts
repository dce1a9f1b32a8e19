import { Readable } from 'node:stream';
import { Logger } from '@nestjs/common';
import { errorText, toError } from '../reporting/index.js';
import { abortError, onAbort, throwIfAborted } from '../user-code/index.js';
import { ChunkDownload, type ReadOptions } from './chunk-download.js';
import type { ObjectCatalog } from './object-catalog.js';
import type { ObjectInfo } from './object-info.js';

/**
 * The content of an object as a Node stream of `Buffer`s, together with the object's description.
 *
 * It ends only after all of the content came and its digest proved right; otherwise it is destroyed with a
 * {@link DigestMismatchError}, {@link ObjectIncompleteError} or {@link ObjectChangedError}. It reads no further ahead
 * than the flow control window, however slowly it is read. Destroying it ends the transfer.
 *
 * A failure before the stream is read is kept for its reader: the stream is destroyed with it when somebody reads or
 * listens for `error`. A failure that nobody listens for is logged and does not end the process.
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
  /** The failure that waits for a reader. */
  private kept: Error | undefined;

  private constructor(
    /** What the bucket said about the object when reading began. Of the object itself, if a link was asked for. */
    readonly info: ObjectInfo,
  ) {
    // What the stream holds besides the chunk that is being read is copied together; so it is given one at a time.
    super({ highWaterMark: 1 });
    this.on('error', (error) => this.logUnheard(error));
    this.on('newListener', (event: string | symbol) => {
      if (READING.has(event)) this.releaseFailure();
    });
  }

  /** @internal Made by `ObjectStore.get`. */
  static async open(catalog: ObjectCatalog, info: ObjectInfo, options: ReadOptions): Promise<ObjectReadable> {
    const { signal } = options;
    throwIfAborted(signal);
    const readable = new ObjectReadable(info);
    if (signal) readable.obey(signal);
    if (info.size === 0) readable.complete = true;
    else await readable.start(catalog, options);
    return readable;
  }

  override _read(): void {
    this.wanted = true;
    // Of what is pushed before this returns, together with what it holds, the stream would make one chunk by copying.
    queueMicrotask(() => this.serve());
  }

  override read(size?: number): unknown {
    this.releaseFailure();
    return super.read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.download?.stop();
    this.queue.length = 0;
    callback(error);
  }

  private async start(catalog: ObjectCatalog, options: ReadOptions): Promise<void> {
    this.download = new ChunkDownload(catalog, this.info, options, {
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
      onError: (error) => this.fail(error),
    });
    try {
      await this.download.start();
    } catch (error) {
      // Nobody reads it; the signal is not listened to any longer.
      this.destroy();
      throw error;
    }
  }

  private obey(signal: AbortSignal): void {
    this.once(
      'close',
      onAbort(signal, (reason) => this.fail(toError(reason))),
    );
    const aborted = abortError(signal);
    if (aborted) this.fail(aborted);
  }

  private fail(error: Error): void {
    if (this.destroyed || this.kept) return;
    this.download?.stop();
    const isHeard = this.readableFlowing === true || this.listenerCount('error') > OWN_LISTENERS;
    if (isHeard) this.destroy(error);
    else this.kept = error;
  }

  private releaseFailure(): void {
    const { kept } = this;
    if (!kept) return;
    this.kept = undefined;
    this.destroy(kept);
  }

  private logUnheard(error: Error): void {
    if (this.listenerCount('error') > OWN_LISTENERS) return;
    const { bucket, name } = this.info;
    logger.error(
      `Reading object "${name}" of bucket "${bucket}" failed, and nobody listens for errors: ${errorText(error)}`,
    );
  }

  private serve(): void {
    if (!this.wanted || this.destroyed || this.kept) return;
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

const logger = new Logger('ObjectStore');
const READ_AHEAD = 1_048_576;
/** Events that only a reader of the stream listens for. */
const READING: ReadonlySet<string | symbol> = new Set(['error', 'data', 'readable', 'end']);
/** The stream listens for its own errors. */
const OWN_LISTENERS = 1;
