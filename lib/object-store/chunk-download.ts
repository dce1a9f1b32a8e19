import {
  BucketNotFoundError,
  DigestMismatchError,
  ObjectChangedError,
  ObjectCorruptError,
  ObjectIncompleteError,
  ObjectTransferStalledError,
  StreamNotFoundError,
} from '../errors/index.js';
import { OrderedPush, type OrderedPushStarted } from '../jetstream/index.js';
import { toError } from '../reporting/index.js';
import { type Deadline, Interval, retry, untilAborted } from '../timing/index.js';
import type { ObjectCatalog } from './object-catalog.js';
import { normalizeDigest, ObjectDigest } from './object-digest.js';
import type { ObjectInfo } from './object-info.js';
import { mayPass, PAUSES } from './transient.js';
import { YoungGeneration } from './young-generation.js';

/** Options of reading an object. */
export interface ReadOptions {
  /** How long the server may send nothing although the reader wants more, in milliseconds. */
  readonly stallTimeout: number;
  /** The deadline for the arrival of the first chunk. */
  readonly deadline: Deadline;
  readonly signal: AbortSignal | undefined;
}

/** The callbacks of a {@link ChunkDownload}. None of them may throw. */
export interface ChunkDownloadOwner {
  /**
   * Called with the next chunk or part of one, in order. @returns `false` to pause until {@link ChunkDownload.resume}
   */
  onData(data: Uint8Array): boolean;
  /** Called when all chunks arrived and the digest matches. */
  onEnd(): void;
  /** Called when the download ended, except by `stop` or a failing `start`. */
  onError(error: Error): void;
}

/**
 * Reads and verifies the chunks of one version of a non-empty object.
 *
 * The server pushes them as fast as the owner takes them. During a pause, chunks that the server has already sent still
 * arrive: less than the flow control window of {@link OrderedPush}.
 */
export class ChunkDownload {
  private readonly digest = new ObjectDigest();
  private readonly expected: string;
  private push: OrderedPush | undefined;
  private readonly youngGeneration = new YoungGeneration();
  private monitor: Interval | undefined;
  private received = 0;
  private chunks = 0;
  private progressAt = 0;
  private state: 'starting' | 'running' | 'ended' = 'starting';
  private paused = false;
  /** The number of chunks that arrive a second time. */
  private repeated = 0;
  private suspicious = false;
  private verifying = false;
  private failure: Error | undefined;

  /** @throws {@link InvalidObjectInfoError} if the digest cannot be read */
  constructor(
    private readonly catalog: ObjectCatalog,
    private readonly info: ObjectInfo,
    private readonly options: ReadOptions,
    private readonly owner: ChunkDownloadOwner,
  ) {
    this.expected = normalizeDigest(info.digest, info.bucket, info.name);
  }

  /**
   * Starts reading. The first chunks, possibly all of them, may have been delivered when this resolves.
   *
   * @throws {@link ObjectIncompleteError}, {@link ObjectChangedError} if chunks are missing
   * @throws {@link ObjectTransferStalledError} if the server does not start to send before the deadline
   */
  async start(): Promise<void> {
    const { deadline, signal, stallTimeout } = this.options;
    this.progressAt = performance.now();
    const opening = this.open();
    try {
      if (!(await untilAborted(signal, deadline.wait(opening)))) throw this.stalled();
      await opening;
    } catch (error) {
      this.stop();
      throw error;
    }
    if (this.failure) throw this.failure;
    if (this.state === 'ended') return;
    this.state = 'running';
    this.monitor = new Interval(stallTimeout / 4, () => this.checkProgress(), { keepsAlive: false });
  }

  /** Continues after a pause. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.progressAt = performance.now();
    this.push?.resume();
  }

  /** Ends the download; the owner's callbacks are no longer called. */
  stop(): void {
    this.state = 'ended';
    this.monitor?.cancel();
    this.push?.stop();
  }

  private async open(): Promise<void> {
    // While the stream has no leader, its consumers cannot be created.
    await retry(() => this.openPush(), { ...PAUSES, retryable: mayPass, deadline: this.options.deadline });
    if (this.suspicious) await this.verifyCount();
  }

  private async openPush(): Promise<void> {
    const { jetstream, names } = this.catalog;
    if (this.state === 'ended') return;
    this.push = new OrderedPush(
      jetstream.api,
      {
        stream: names.stream,
        filterSubjects: [names.chunks(this.info.nuid)],
        heartbeat: HEARTBEAT,
        namePrefix: 'object',
      },
      {
        onMessage: (message) => this.receive(message.pieces),
        onStart: (started) => this.compareCount(started),
        onIdle: () => void this.verifyCount(),
        onError: (error) => this.fail(error),
      },
    );
    try {
      await this.push.start();
    } catch (error) {
      throw this.translated(toError(error));
    }
  }

  private translated(error: Error): Error {
    return error instanceof StreamNotFoundError
      ? new BucketNotFoundError('Object Store', this.catalog.names.bucket, { cause: error })
      : error;
  }

  private receive(pieces: readonly Uint8Array[]): void {
    if (this.state === 'ended' || this.failure) return;
    if (this.repeated > 0) return void this.repeated--;
    for (const piece of pieces) {
      this.received += piece.length;
      this.digest.update(piece);
      this.youngGeneration.passed(piece.length);
    }
    this.chunks++;
    this.progressAt = performance.now();
    const { size, chunks } = this.info;
    if (this.received === size) return this.receiveLast(pieces);
    if (this.received > size || this.chunks === chunks) return this.fail(this.wrongSize());
    if (this.deliver(pieces) || this.paused) return;
    this.paused = true;
    this.push?.pause();
  }

  /** @returns whether more is wanted */
  private deliver(pieces: readonly Uint8Array[]): boolean {
    let wanted = true;
    for (const piece of pieces) wanted = this.owner.onData(piece);
    return wanted;
  }

  private receiveLast(pieces: readonly Uint8Array[]): void {
    const actual = this.digest.value();
    if (actual !== this.expected) {
      const { bucket, name } = this.info;
      return this.fail(new DigestMismatchError(bucket, name, this.expected, actual));
    }
    this.stop();
    this.deliver(pieces);
    this.owner.onEnd();
  }

  private compareCount({ pending, restarted }: OrderedPushStarted): void {
    if (restarted) this.repeated = this.chunks;
    if ((restarted ? 0 : this.chunks) + pending >= this.info.chunks) return;
    this.suspicious = true;
    if (this.state === 'running') void this.verifyCount();
  }

  /**
   * Checks with the stream's leader whether it has all chunks, if the delivering server does not have them or has no
   * more to send: in a replicated bucket, that server may be behind.
   */
  private async verifyCount(): Promise<void> {
    if (this.verifying || this.failure) return;
    this.verifying = true;
    const { bucket, name, nuid, chunks } = this.info;
    try {
      const count = await this.catalog.countMessages(this.catalog.names.chunks(nuid));
      if (count < chunks) {
        // The chunks may belong to an object that was replaced or deleted in the meantime.
        const current = await this.catalog.find(name);
        const unchanged = current?.info.nuid === nuid && !current.info.deleted;
        this.fail(
          unchanged
            ? new ObjectIncompleteError(bucket, name, chunks, count)
            : new ObjectChangedError(bucket, name),
        );
      }
    } catch (error) {
      if (error instanceof BucketNotFoundError) this.fail(error);
      // Any other failure to reach the leader is either temporary or ends the download when it stalls.
    }
    this.verifying = false;
  }

  private checkProgress(): void {
    if (this.paused || performance.now() - this.progressAt < this.options.stallTimeout) return;
    this.fail(this.stalled());
  }

  private stalled(): Error {
    const { bucket, name } = this.info;
    return new ObjectTransferStalledError(bucket, name, this.options.stallTimeout);
  }

  private wrongSize(): Error {
    const { bucket, name, chunks, size } = this.info;
    return new ObjectCorruptError(bucket, name, `its ${chunks} chunks do not hold ${size} bytes`);
  }

  private fail(error: Error): void {
    if (this.state === 'ended' || this.failure) return;
    this.failure = this.translated(error);
    const { state } = this;
    this.stop();
    if (state === 'running') this.owner.onError(this.failure);
  }
}

// Idle heartbeats reveal missing chunks, which a reader should notice soon.
const HEARTBEAT = 1_000;
