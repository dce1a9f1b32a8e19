import { Logger } from '@nestjs/common';
import { nuid } from '@nats-io/transport-node';
import {
  BucketNotFoundError,
  InvalidArgumentError,
  LinkNotAllowedError,
  ObjectRevisionMismatchError,
} from '../errors/index.js';
import type { JetStreamService } from '../jetstream/index.js';
import { Chunker, piecesOf, toBytes, type ObjectSource, type Pieces } from './chunk-source.js';
import { ChunkUpload } from './chunk-upload.js';
import { isUnanswered, type ObjectCatalog, type ObjectRecord } from './object-catalog.js';
import { ObjectDigest } from './object-digest.js';
import { toWireMeta, type ObjectInfo, type ObjectMeta, type WireObjectInfo } from './object-info.js';
import { validateObjectName } from './object-names.js';

/** Options of putting an object. */
export interface ObjectPutOptions {
  /** Aborts the put: it rejects with the signal's reason and leaves no chunk behind. */
  readonly signal?: AbortSignal;
  /**
   * Puts only where the object is at this revision, 0 for "only where it does not exist". It is compared at the
   * beginning and when the object is complete.
   */
  readonly previousRevision?: number;
  /** How long to wait for the acknowledgement of a chunk before it is sent again, in milliseconds. Default 5,000. */
  readonly timeout?: number;
  /** How long the server may take no chunk at all before the put fails, in milliseconds. Default 30,000. */
  readonly stallTimeout?: number;
}

/** One put: from the content to the description that makes it visible. */
export class ObjectPut {
  private readonly id = nuid.next();
  private readonly digest = new ObjectDigest();
  /** How many bytes go into one message. */
  readonly chunkSize: number;
  private readonly upload: ChunkUpload;
  private readonly described: Pick<WireObjectInfo, 'description' | 'headers' | 'metadata'>;
  private size = 0;
  private failure: Error | undefined;
  private interrupt: ((reason: Error) => void) | undefined;

  /** @throws {@link InvalidArgumentError}, {@link InvalidObjectNameError}, {@link LinkNotAllowedError} */
  constructor(
    jetstream: JetStreamService,
    private readonly catalog: ObjectCatalog,
    private readonly meta: ObjectMeta,
    private readonly options: ObjectPutOptions,
  ) {
    const { bucket } = catalog.names;
    const { connection, requests } = jetstream;
    validateObjectName(meta.name);
    if ((meta as Partial<ObjectInfo>).link) throw new LinkNotAllowedError(bucket, meta.name);
    this.chunkSize = Math.min(
      positive('chunkSize', meta.chunkSize ?? DEFAULT_CHUNK_SIZE),
      connection.maxPayload - HEADER_ROOM,
    );
    if (!Number.isInteger(this.chunkSize)) {
      throw new InvalidArgumentError('chunkSize', `${meta.chunkSize} is not a whole number of bytes`);
    }
    this.described = toWireMeta(meta);
    this.upload = new ChunkUpload(requests, catalog, {
      object: meta.name,
      id: this.id,
      chunkSize: this.chunkSize,
      timeout: positive('timeout', options.timeout ?? DEFAULT_TIMEOUT),
      stallTimeout: positive('stallTimeout', options.stallTimeout ?? DEFAULT_STALL_TIMEOUT),
      onFailure: (error) => {
        this.failure = error;
        this.interrupt?.(error);
      },
    });
  }

  /** Puts content that is in memory. */
  bytes(data: Uint8Array): Promise<ObjectInfo> {
    return this.store(async () => {
      for (let offset = 0; offset < data.length; offset += this.chunkSize) {
        await this.send(data.subarray(offset, offset + this.chunkSize));
      }
    });
  }

  /** Puts content as it comes. The source is closed when the put fails. */
  source(source: ObjectSource): Promise<ObjectInfo> {
    const pieces = piecesOf(source);
    const chunker = new Chunker(this.chunkSize);
    return this.store(async () => {
      try {
        for (let next = await this.next(pieces); !next.done; next = await this.next(pieces)) {
          for (const chunk of chunker.add(toBytes(next.value))) await this.send(chunk);
        }
      } catch (error) {
        pieces.close(error as Error);
        throw error;
      }
      const rest = chunker.rest();
      if (rest) await this.send(rest);
    });
  }

  private async store(transfer: () => Promise<void>): Promise<ObjectInfo> {
    const { signal } = this.options;
    signal?.throwIfAborted();
    await this.checkRevision();
    const abort = (): void => this.upload.fail(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await transfer();
      await this.upload.finish();
    } catch (error) {
      this.upload.fail(error as Error);
      await this.rollBack();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return this.publish();
  }

  private next(pieces: Pieces): ReturnType<Pieces['next']> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.interrupt = reject;
      pieces.next().then(resolve, reject);
    });
  }

  private async send(chunk: Uint8Array): Promise<void> {
    this.size += chunk.length;
    this.digest.update(chunk);
    await this.upload.send(chunk);
  }

  private async publish(): Promise<ObjectInfo> {
    const wire: WireObjectInfo = {
      name: this.meta.name,
      ...this.described,
      options: { max_chunk_size: this.chunkSize },
      bucket: this.catalog.names.bucket,
      nuid: this.id,
      size: this.size,
      chunks: this.upload.chunks,
      digest: this.digest.value(),
    };
    let replaced;
    try {
      replaced = await this.catalog.replace(this.meta.name, (current) => {
        this.compareRevision(current);
        return wire;
      });
    } catch (error) {
      // Where it is unknown whether the description is stored, the object may be there and needs its chunks.
      if (!isUnanswered(error)) await this.rollBack();
      throw error;
    }
    const { info, previous } = replaced;
    if (previous && previous.info.chunks > 0 && previous.info.nuid !== '') {
      await this.purge(previous.info.nuid);
    }
    return info;
  }

  private async checkRevision(): Promise<void> {
    if (this.options.previousRevision === undefined) return;
    this.compareRevision(await this.catalog.find(this.meta.name));
  }

  private compareRevision(current: ObjectRecord | undefined): void {
    const { previousRevision } = this.options;
    const actual = current?.info.revision ?? 0;
    if (previousRevision === undefined || previousRevision === actual) return;
    if (previousRevision === 0 && current?.info.deleted) return;
    throw new ObjectRevisionMismatchError(
      this.catalog.names.bucket,
      this.meta.name,
      previousRevision,
      actual,
    );
  }

  private async rollBack(): Promise<void> {
    await this.upload.settled();
    if (this.upload.leftovers) await this.purge(this.id);
  }

  /** What became of the object is settled before this: a failure here costs space, and must not be taken for another. */
  private async purge(id: string): Promise<void> {
    const subject = this.catalog.names.chunks(id);
    try {
      await this.catalog.purge(subject);
    } catch (error) {
      if (error instanceof BucketNotFoundError) return;
      logger.warn(`Unused chunks stay in the bucket; purge "${subject}" to remove them: ${String(error)}`);
    }
  }
}

const logger = new Logger('ObjectStore');
const DEFAULT_CHUNK_SIZE = 131_072;
const DEFAULT_TIMEOUT = 5_000;
const DEFAULT_STALL_TIMEOUT = 30_000;
// What the headers of a chunk need of the server's max_payload.
const HEADER_ROOM = 256;

function positive(option: string, value: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError(option, `${String(value)} is not a positive number`);
  }
  return value;
}
