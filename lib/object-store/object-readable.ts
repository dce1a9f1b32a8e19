import { Readable } from 'node:stream';
import { Logger } from '@nestjs/common';
import { errorText, toError } from '../reporting/index.js';
import { abortError, onAbort, throwIfAborted } from '../user-code/index.js';
import { ChunkDownload, type ReadOptions } from './chunk-download.js';
import type { ObjectCatalog } from './object-catalog.js';
import type { ObjectInfo } from './object-info.js';

/** Called once, when the content was read, or the stream was destroyed or failed. */
type ReadEnd = (error: Error | undefined, info: ObjectInfo) => void;

/**
 * The content of an object as a Node stream of `Buffer`s, together with the object's description.
 *
 * It ends only after all of the content arrived and its digest was verified; otherwise it is destroyed with a
 * {@link DigestMismatchError}, {@link ObjectIncompleteError} or {@link ObjectChangedError}. It reads ahead at most the
 * flow control window, even if it is read slowly. Destroying it ends the transfer.
 *
 * A failure before the stream is read is kept for its reader: the stream is destroyed with it when a reader reads or
 * listens for `error`. A failure without a listener is logged and does not end the process.
 *
 * @example
 * ```ts
 * const content = await store.get('report.pdf');
 * return new StreamableFile(content, { type: 'application/pdf', length: content.info.size });
 * ```
 */
export class ObjectReadable extends Readable {
  private download: ChunkDownload | undefined;
  /** Chunks that have arrived and were not requested yet. */
  private readonly queue: Uint8Array[] = [];
  private queuedBytes = 0;
  private wanted = false;
  private complete = false;
  /** The failure that is kept for a reader. */
  private kept: Error | undefined;

  private constructor(
    /** The description of the object when reading began. For a link, that of its target. */
    readonly info: ObjectInfo,
    private onOver: ReadEnd | undefined,
  ) {
    // The stream copies buffered chunks to join them, so it gets one chunk at a time.
    super({ highWaterMark: 1 });
    this.on('error', (error) => this.logUnheard(error));
    this.on('newListener', (event: string | symbol) => {
      if (READING.has(event)) this.releaseFailure();
    });
  }

  /** @internal Created by `ObjectStore.get`. */
  static async open(
    catalog: ObjectCatalog,
    info: ObjectInfo,
    options: ReadOptions,
    onOver?: ReadEnd,
  ): Promise<ObjectReadable> {
    const { signal } = options;
    throwIfAborted(signal);
    const readable = new ObjectReadable(info, onOver);
    if (signal) readable.obey(signal);
    if (info.size === 0) readable.complete = true;
    else await readable.start(catalog, options);
    return readable;
  }

  override _read(): void {
    this.wanted = true;
    // If chunks were pushed before this returns, the stream would join them with buffered ones by copying.
    queueMicrotask(() => this.serve());
  }

  override read(size?: number): unknown {
    this.releaseFailure();
    return super.read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.download?.stop();
    this.queue.length = 0;
    this.over(error ?? undefined);
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
      // There is no reader, and the signal is no longer observed.
      this.over(toError(error));
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
    if (isHeard) return void this.destroy(error);
    this.kept = error;
    this.over(error);
  }

  private over(error: Error | undefined): void {
    const { onOver } = this;
    this.onOver = undefined;
    onOver?.(error, this.info);
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
      `Reading object "${name}" of bucket "${bucket}" failed, and its stream has no error listener: ${errorText(error)}`,
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
/** The number of listeners that the stream has for its own errors. */
const OWN_LISTENERS = 1;
