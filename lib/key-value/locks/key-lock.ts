import { Logger } from '@nestjs/common';
import { ConnectionClosedError, LockLostError, RevisionMismatchError } from '../../errors/index.js';
import { errorText, toError } from '../../reporting/index.js';
import { Backoff, Deadline, LONGEST_TTL, Timer } from '../../timing/index.js';
import { FencedAbortController, UserCalls } from '../../user-code/index.js';
import type { KeyValueGetOptions } from '../bucket-reader.js';
import type { BucketWriter, WriteConditions } from '../bucket-writer.js';
import type { Bucket } from '../bucket.js';
import type { KeyValueEntry } from '../key-value-entry.js';
import { encodeRecord, type LockRecord, recordOf } from './lock-record.js';

/**
 * The parts of a bucket that a lock uses. A lock reads and writes its own records, regardless of the bucket's value
 * type.
 */
export interface LockAccess {
  readonly bucket: Pick<Bucket<unknown>, 'name' | 'allowsTtl' | 'jetstream'>;
  readonly reader: {
    change(key: string, options: KeyValueGetOptions): Promise<KeyValueEntry<unknown> | undefined>;
  };
  readonly writer: Pick<BucketWriter<unknown>, 'remove'> & {
    putIf(key: string, value: Uint8Array, conditions: WriteConditions): Promise<number>;
  };
}

/** The maximum number of attempts to remove a lock that was renewed in the meantime. */
const RELEASE_ATTEMPTS = 3;

/**
 * A lock that this process holds. It is renewed automatically until it is released or lost.
 *
 * The holder considers the lock lost before another contender may take it: it counts nine tenths of the ttl from before
 * each renewal was sent, while others count the whole ttl from when they saw the renewal. Clocks of different processes
 * are not compared. Work that the holder started just before may still take effect afterwards, for example in a
 * database. If that matters, pass {@link revision} as a fencing token, and let the other side reject a lower one than
 * it has seen.
 */
export class KeyLock implements AsyncDisposable {
  private readonly logger = new Logger(KeyLock.name);
  private readonly controller: FencedAbortController;
  private readonly whenEnded: (() => void)[] = [];
  private readonly value: Uint8Array;
  private readonly retries: Backoff;
  private readonly stopListening: () => void;
  private current: number;
  private validUntil: number;
  private timer: Timer | undefined;
  private renewal: Promise<void> | undefined;
  private lastFailure: Error | undefined;
  private releasing: Promise<void> | undefined;

  /** @internal Created by {@link KeyValue.lock}. */
  constructor(
    private readonly access: LockAccess,
    /** The key that is locked. */
    readonly key: string,
    private readonly record: LockRecord,
    /**
     * The fencing token: the revision with which the lock was obtained. Later holders of the lock have a higher one.
     */
    readonly revision: number,
    obtainedSince: number,
  ) {
    const { ttl } = record;
    const { connection } = access.bucket.jetstream;
    const listener = `A listener of the signal of lock "${key}" in bucket "${access.bucket.name}"`;
    this.controller = new FencedAbortController(new UserCalls(this.logger), listener);
    this.value = encodeRecord(record);
    this.current = revision;
    this.validUntil = obtainedSince + validity(ttl);
    this.retries = new Backoff({ first: ttl / 20, longest: ttl / 6 });
    this.stopListening = connection.listen({
      // A server that lost the bucket in a restart may give the lock to another holder immediately.
      onReconnect: () => this.onTimer(),
      onClose: (cause) => this.lostWith(new ConnectionClosedError(connection.name, { cause })),
    });
    this.schedule(ttl / 3);
  }

  /** Whether the lock is held at this moment. */
  get held(): boolean {
    return !this.controller.signal.aborted && performance.now() < this.validUntil;
  }

  /**
   * Aborted when the lock is lost, with a {@link LockLostError}, or released. Pass it to the work that the lock
   * protects. Errors of its listeners are logged.
   */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /**
   * @internal Calls back when the lock is lost or released, immediately if it already is. The callback must not throw.
   */
  onEnd(callback: () => void): void {
    if (this.signal.aborted) callback();
    else this.whenEnded.push(callback);
  }

  /**
   * Releases the lock, so that the next contender obtains it immediately. Does nothing if it is already lost or
   * released. It never rejects: if the server does not receive the release in time, the lock becomes free when its
   * ttl has passed. It waits for the server at most for the ttl and the connection's `jetstream.timeout`, and not at
   * all without a link.
   */
  release(): Promise<void> {
    const { timeout } = this.access.bucket.jetstream.connection;
    return this.releaseWithin(new Deadline(Math.min(timeout, this.record.ttl)));
  }

  /** @internal The same as {@link release}, with a time limit. */
  async releaseWithin(deadline: Deadline): Promise<void> {
    this.releasing ??= this.giveUp(Math.max(1, Math.min(deadline.left, this.record.ttl)));
    // Without a link there is no server to wait for; the removal is sent if the link is restored in time.
    if (this.access.bucket.jetstream.connection.hasLink) await deadline.wait(this.releasing);
  }

  /** The same as {@link release}. It never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  private async giveUp(timeout: number): Promise<void> {
    if (this.signal.aborted) return;
    const deadline = new Deadline(timeout);
    this.end(undefined);
    // The revision of a renewal in flight is known only from its acknowledgement.
    if (this.renewal) await deadline.wait(this.renewal);
    try {
      await this.vacate(deadline);
    } catch (error) {
      if (error instanceof ConnectionClosedError) return;
      this.logger.warn(
        `Lock "${this.key}" in bucket "${this.access.bucket.name}" could not be released and will expire within ` +
          `${this.record.ttl} ms: ${errorText(error)}`,
      );
    }
  }

  private async vacate(deadline: Deadline): Promise<void> {
    const { bucket, reader, writer } = this.access;
    const ttl = bucket.allowsTtl ? wholeSeconds(this.record.ttl) : undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const timeout = Math.max(1, deadline.left);
        await writer.remove(this.key, 'PURGE', { revision: this.current, ttl, timeout });
        return;
      } catch (error) {
        if (!(error instanceof RevisionMismatchError) || attempt === RELEASE_ATTEMPTS) throw error;
      }
      // Either another holder has the lock, or a renewal was stored and its acknowledgement was lost.
      const entry = await reader.change(this.key, { consistent: true });
      if (!entry || recordOf(entry)?.id !== this.record.id) return;
      this.current = entry.revision;
    }
  }

  private schedule(pause: number): void {
    this.timer?.cancel();
    const left = this.validUntil - performance.now();
    // The connection keeps the process alive while that is needed.
    this.timer = new Timer(Math.max(0, Math.min(pause, left)), () => this.onTimer(), { keepsAlive: false });
  }

  private onTimer(): void {
    if (!this.held) return this.lose('it could not be renewed in time', this.lastFailure);
    // While a renewal is in flight, the timer only checks whether the lock expires.
    this.renewal ??= this.renew().finally(() => (this.renewal = undefined));
  }

  private async renew(): Promise<void> {
    const { bucket, writer } = this.access;
    const { ttl } = this.record;
    const since = performance.now();
    this.schedule(Infinity);
    try {
      this.current = await writer.putIf(this.key, this.value, {
        revision: this.current,
        ttl: bucket.allowsTtl ? wholeSeconds(ttl) : undefined,
        timeout: ttl / 3,
      });
      if (this.signal.aborted) return;
      if (!this.held) return this.lose('it was renewed too late');
      this.validUntil = since + validity(ttl);
      this.retries.succeeded();
      this.lastFailure = undefined;
      this.schedule(ttl / 3);
    } catch (error) {
      if (this.signal.aborted) return;
      this.lastFailure = toError(error);
      if (error instanceof RevisionMismatchError) await this.lookUp(error);
      else if (error instanceof ConnectionClosedError) this.lostWith(error);
      else this.schedule(this.retries.next());
    }
  }

  /**
   * Called when the key was written: by another holder, or by this one with a renewal whose acknowledgement was lost.
   */
  private async lookUp(mismatch: RevisionMismatchError): Promise<void> {
    try {
      const entry = await this.access.reader.change(this.key, { consistent: true });
      if (this.signal.aborted) return;
      if (recordOf(entry)?.id !== this.record.id)
        return this.lose('another holder took it, or its key was removed', mismatch);
      this.current = entry?.revision ?? this.current;
      this.schedule(this.retries.next());
    } catch (error) {
      this.lastFailure = toError(error);
      if (!this.signal.aborted) this.schedule(this.retries.next());
    }
  }

  private lostWith(closed: ConnectionClosedError): void {
    this.lose('the connection is closed', closed);
  }

  private lose(problem: string, cause?: Error): void {
    if (this.signal.aborted) return;
    this.end(new LockLostError(this.access.bucket.name, this.key, problem, { cause }));
  }

  private end(reason: LockLostError | undefined): void {
    this.timer?.cancel();
    this.stopListening();
    this.controller.abort(reason);
    for (const callback of this.whenEnded.splice(0)) callback();
  }
}

/** How long a holder may rely on a renewal, in milliseconds. */
function validity(ttl: number): number {
  return ttl * 0.9;
}

/** The ttl for the server, in whole seconds: rounded up, because it must not be shorter. */
export function wholeSeconds(ttl: number): number {
  return Math.min(Math.ceil(ttl / 1_000) * 1_000, LONGEST_TTL);
}
