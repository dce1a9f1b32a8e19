import { Buffer } from 'node:buffer';
import { nuid } from '@nats-io/transport-node';
import {
  InvalidArgumentError,
  LinkNotAllowedError,
  ObjectDescriptionTooLargeError,
  ObjectRevisionMismatchError,
} from '../errors/index.js';
import type { RunningOperation } from '../instruments/index.js';
import { Deadline, sleep, within } from '../timing/index.js';
import { onAbort, throwIfAborted } from '../user-code/index.js';
import { ABOVE_ZERO, checkMilliseconds, checkWholeNumber, optionsCheck } from '../validation/index.js';
import { Chunker, type Piece, PieceEncoder, type Pieces } from './chunk-source.js';
import { ChunkUpload } from './chunk-upload.js';
import type { ObjectCatalog, ObjectRecord } from './object-catalog.js';
import { ObjectDigest } from './object-digest.js';
import {
  checkMeta,
  type ObjectInfo,
  type ObjectMeta,
  toWireMeta,
  type WireObjectInfo,
} from './object-info.js';
import { validateObjectName } from './object-names.js';
import { type ObjectTransfers, type RunningPut, SILENCE } from './object-transfers.js';
import { YoungGeneration } from './young-generation.js';

/** Options of putting an object. */
export interface ObjectPutOptions {
  /**
   * Aborts the put: it rejects with the signal's reason immediately, even if the server is unresponsive, and leaves no
   * chunks behind. A put that is aborted while its description is being stored may still have succeeded.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Puts only if the object is at this revision; 0 for "only if it does not exist". It is checked at the beginning and
   * when the object is complete.
   */
  readonly previousRevision?: number | undefined;
  /** How long to wait for the acknowledgement of a chunk before it is sent again, in milliseconds. Default 5,000. */
  readonly timeout?: number | undefined;
  /**
   * How long the server may accept no chunk before the put fails, in milliseconds. Shorter leader elections are
   * tolerated. Default 30,000.
   */
  readonly stallTimeout?: number | undefined;
}

export const checkPutOptions = optionsCheck<ObjectPutOptions>('put', {
  previousRevision: true,
  signal: true,
  stallTimeout: true,
  timeout: true,
});

/** The bucket that a put writes to. */
export interface ObjectPutTarget {
  readonly catalog: ObjectCatalog;
  readonly transfers: ObjectTransfers;
  /** Whether any description of the bucket refers to an id. */
  readonly isNamed: (id: string) => Promise<boolean>;
}

/** One put: from the content to the description that makes it visible. */
export class ObjectPut implements RunningPut {
  /** The number of bytes in one message. */
  readonly chunkSize: number;
  private readonly id = nuid.next();
  private readonly digest = new ObjectDigest();
  /** The name of the object. */
  readonly name: string;
  /** Adds the headers of instruments to the description. */
  operation: RunningOperation | undefined;
  private readonly upload: ChunkUpload;
  private readonly described: Pick<WireObjectInfo, 'description' | 'headers' | 'metadata'>;
  private readonly previousRevision: number | undefined;
  private readonly signal: AbortSignal | undefined;
  private readonly stallTimeout: number;
  private size = 0;
  private sourceOpen = false;
  private failure: { readonly reason: unknown } | undefined;
  private interrupt: ((reason: unknown) => void) | undefined;
  private markAborted: (aborted: { readonly reason: unknown }) => void = () => undefined;
  private readonly aborted: Promise<{ readonly reason: unknown }>;

  /**
   * @throws {@link InvalidArgumentError}, {@link InvalidObjectNameError}, {@link LinkNotAllowedError}
   * @throws {@link ObjectDescriptionTooLargeError} if the description is larger than the server's limit
   */
  constructor(
    private readonly target: ObjectPutTarget,
    meta: ObjectMeta,
    options: ObjectPutOptions,
  ) {
    const { names, jetstream } = target.catalog;
    checkMeta(meta);
    const {
      timeout = DEFAULT_TIMEOUT,
      stallTimeout = DEFAULT_STALL_TIMEOUT,
      signal,
      previousRevision,
    } = checkPutOptions(options);
    this.name = meta.name;
    validateObjectName(this.name);
    if ((meta as Partial<ObjectInfo>).link) throw new LinkNotAllowedError(names.bucket, this.name);
    this.chunkSize = chunkSizeOf(meta.chunkSize, jetstream.connection.maxPayload);
    this.described = toWireMeta(meta);
    this.checkDescription(jetstream.connection.maxPayload);
    this.signal = signal;
    this.previousRevision = checkRevisionOption(previousRevision);
    this.stallTimeout = checkMilliseconds('stallTimeout', stallTimeout, ABOVE_ZERO);
    this.aborted = new Promise((resolve) => {
      this.markAborted = resolve;
    });
    this.upload = new ChunkUpload(jetstream.requests, target.catalog, {
      object: this.name,
      id: this.id,
      chunkSize: this.chunkSize,
      timeout: Math.min(checkMilliseconds('timeout', timeout, ABOVE_ZERO), this.stallTimeout),
      stallTimeout: this.stallTimeout,
      onFailure: (reason) => {
        this.failure = { reason };
        this.interrupt?.(reason);
      },
    });
  }

  get reading(): boolean {
    return this.sourceOpen;
  }

  /** Aborts the put: it rejects with the reason. */
  abort(reason: unknown): void {
    this.markAborted({ reason });
    this.upload.fail(reason);
  }

  /** Puts content that is in memory. */
  bytes(data: Uint8Array): Promise<ObjectInfo> {
    return this.run(async () => {
      for (let offset = 0; offset < data.length; offset += this.chunkSize) {
        await this.send(data.subarray(offset, offset + this.chunkSize));
      }
    });
  }

  /** Puts content as it arrives. The source is closed if the put fails. */
  async source(pieces: Pieces): Promise<ObjectInfo> {
    this.sourceOpen = true;
    try {
      return await this.run(() => this.transfer(pieces));
    } catch (error) {
      pieces.close(error);
      throw error;
    }
  }

  private async transfer(pieces: Pieces): Promise<void> {
    const chunker = new Chunker(this.chunkSize);
    const encoder = new PieceEncoder();
    const youngGeneration = new YoungGeneration();
    try {
      let empty = 0;
      for (let next = await this.next(pieces); next.done !== true; next = await this.next(pieces)) {
        const bytes = encoder.bytesOf(next.value);
        // A source that repeatedly returns empty pieces must not block the event loop.
        if (bytes.length === 0 && ++empty % MANY_EMPTY === 0) await sleep(0);
        youngGeneration.passed(bytes.length);
        for (const chunk of chunker.add(bytes)) await this.send(chunk);
      }
    } catch (error) {
      pieces.close(error);
      throw error;
    }
    this.sourceOpen = false;
    for (const chunk of chunker.add(encoder.rest())) await this.send(chunk);
    const rest = chunker.rest();
    if (rest) await this.send(rest);
  }

  private run(transfer: () => Promise<void>): Promise<ObjectInfo> {
    return this.target.transfers.run(this, async () => {
      const { signal } = this;
      throwIfAborted(signal);
      const callOff = signal && onAbort(signal, (reason) => this.abort(reason));
      try {
        await this.store(transfer);
        return await this.publish();
      } finally {
        callOff?.();
      }
    });
  }

  private async store(transfer: () => Promise<void>): Promise<void> {
    await this.checkRevision();
    try {
      await transfer();
      await this.upload.finish();
    } catch (error) {
      this.upload.fail(error);
      await this.rollBack();
      throw error;
    }
  }

  private next(pieces: Pieces): Promise<Piece> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure.reason);
      this.interrupt = reject;
      pieces.next().then(resolve, reject);
    });
  }

  private async send(chunk: Uint8Array): Promise<void> {
    this.size += chunk.length;
    this.digest.update(chunk);
    await this.upload.send(chunk);
  }

  /** Stores the description, and continues in the background if the put is aborted and the server does not respond. */
  private async publish(): Promise<ObjectInfo> {
    const publishing = this.describe();
    const settled = publishing.then(ignore, ignore);
    const aborted = this.aborted.then(async (abort) => {
      await within(SILENCE, settled);
      return abort;
    });
    const outcome = await Promise.race([publishing, aborted]);
    if (!('reason' in outcome)) return outcome;
    this.target.transfers.background(settled);
    throw outcome.reason;
  }

  private async describe(): Promise<ObjectInfo> {
    const { catalog, transfers, isNamed } = this.target;
    const wire = this.description();
    let replaced: string | undefined;
    let unknown = false;
    try {
      const { info } = await catalog.replace(
        this.name,
        (current, revision) => {
          this.compareRevision(current, revision);
          replaced = current && current.info.chunks > 0 ? current.info.nuid : undefined;
          return wire;
        },
        {
          patience: { deadline: new Deadline(this.stallTimeout) },
          repair: true,
          operation: this.operation,
          onUnknown: () => (unknown = true),
        },
      );
      if (replaced) await transfers.remove(catalog, replaced);
      return info;
    } catch (error) {
      if (unknown) transfers.settle({ catalog, name: this.name, id: this.id, replaced, isNamed });
      else await this.rollBack();
      throw error;
    }
  }

  private description(): WireObjectInfo {
    return {
      name: this.name,
      ...this.described,
      options: { max_chunk_size: this.chunkSize },
      bucket: this.target.catalog.names.bucket,
      nuid: this.id,
      size: this.size,
      chunks: this.upload.chunks,
      digest: this.digest.value(),
    };
  }

  private async checkRevision(): Promise<void> {
    if (this.previousRevision === undefined) return;
    const deadline = new Deadline(this.stallTimeout);
    const looking = this.target.catalog.revision(this.name, { deadline });
    const outcome = await Promise.race([looking, this.aborted]);
    if ('reason' in outcome) throw outcome.reason;
    this.compareRevision(outcome.record, outcome.revision);
  }

  private compareRevision(current: ObjectRecord | undefined, actual: number): void {
    const { previousRevision, name } = this;
    if (previousRevision === undefined || previousRevision === actual) return;
    if (previousRevision === 0 && current?.info.deleted === true) return;
    throw new ObjectRevisionMismatchError(this.target.catalog.names.bucket, name, previousRevision, actual);
  }

  /**
   * Removes the stored chunks. This is awaited as long as the server responds, so that nothing is left when the put
   * rejects; if the server does not respond, it continues in the background.
   */
  private async rollBack(): Promise<void> {
    const rollBack = this.removeChunks();
    this.target.transfers.background(rollBack);
    let done = await within(SILENCE, rollBack);
    while (!done && performance.now() - this.upload.lastAnswer < SILENCE)
      done = await within(SILENCE, rollBack);
  }

  private async removeChunks(): Promise<void> {
    const { catalog, transfers } = this.target;
    await this.upload.settled();
    if (!this.upload.leftovers) return;
    const purged = await transfers.purge(catalog, this.id);
    if (!purged || !this.upload.inDoubt) return;
    // The server processes requests and messages independently: a chunk may have been stored after the purge.
    await sleep(SECOND_PURGE, undefined, { keepsAlive: false });
    await transfers.purge(catalog, this.id);
  }

  private checkDescription(maxPayload: number): void {
    const { name, described } = this;
    const size = Buffer.byteLength(JSON.stringify({ name, ...described })) + DESCRIPTION_ROOM;
    if (size > maxPayload) {
      const { bucket } = this.target.catalog.names;
      const subject = this.target.catalog.names.info(name);
      throw new ObjectDescriptionTooLargeError(bucket, name, { subject, size, maximum: maxPayload });
    }
  }
}

const DEFAULT_CHUNK_SIZE = 131_072;
const DEFAULT_TIMEOUT = 5_000;
const DEFAULT_STALL_TIMEOUT = 30_000;
/** The part of the server's max_payload that the headers of a chunk need. */
const HEADER_ROOM = 256;
/** The size of a description without the values of the caller, with its headers. */
const DESCRIPTION_ROOM = 1_024;
const MANY_EMPTY = 256;
const SECOND_PURGE = 3_000;

function ignore(): void {}

function chunkSizeOf(asked: number | undefined, maxPayload: number): number {
  const size = asked ?? DEFAULT_CHUNK_SIZE;
  checkWholeNumber('chunkSize', size, 1);
  const largest = maxPayload - HEADER_ROOM;
  if (largest <= 0) {
    throw new InvalidArgumentError(
      'chunkSize',
      `the server accepts at most ${maxPayload} bytes per message, too few for a chunk; raise its max_payload`,
    );
  }
  return Math.min(size, largest);
}

function checkRevisionOption(revision: number | undefined): number | undefined {
  if (revision !== undefined) checkWholeNumber('previousRevision', revision, 0);
  return revision;
}
