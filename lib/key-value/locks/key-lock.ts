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

/** What a lock uses of its bucket: whatever values that has, the lock reads and writes its own. */
export interface LockAccess {
  readonly bucket: Pick<Bucket<unknown>, 'name' | 'allowsTtl' | 'jetstream'>;
  readonly reader: {
    change(key: string, options: KeyValueGetOptions): Promise<KeyValueEntry<unknown> | undefined>;
  };
  readonly writer: Pick<BucketWriter<unknown>, 'remove'> & {
    putIf(key: string, value: Uint8Array, conditions: WriteConditions): Promise<number>;
  };
}

/** How often a removal is tried that finds the lock written by itself meanwhile. */
const RELEASE_ATTEMPTS = 3;

/**
 * A lock that this process holds. It is renewed by itself until it is released or lost.
 *
 * The holder stops believing in it before another contender may take it: it counts from before each renewal was sent and
 * gives a tenth of the ttl away, while others count the whole ttl from when they saw the renewal. No clocks are compared.
 * What the holder began just before may still take effect afterwards, at a database for example; where that matters,
 * pass {@link revision} along and let the other side refuse a smaller one than it has seen.
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

  /** @internal Made by {@link KeyValue.lock}. */
  constructor(
    private readonly access: LockAccess,
    /** The key that is locked. */
    readonly key: string,
    private readonly record: LockRecord,
    /** The fencing token: the revision that the lock was obtained with. Later holders of the lock have a greater one. */
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
      // A server that lost the bucket in a restart may give the lock to another holder at once.
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
   * Aborted when the lock is lost, with a {@link LockLostError}, or released. Give it to what the lock protects. What a
   * listener of it throws is logged.
   */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** @internal Calls back when the lock is lost or released, at once if it is already. The callback must not throw. */
  onEnd(callback: () => void): void {
    if (this.signal.aborted) callback();
    else this.whenEnded.push(callback);
  }

  /**
   * Gives the lock up, so that the next contender has it at once. Does nothing if it is lost or released already. It does
   * not reject: if the server does not hear of it in time, others get the lock when its ttl has passed. It waits for the
   * server no longer than the ttl and the connection's `jetstream.timeout`, and not at all without a link.
   */
  release(): Promise<void> {
    const { timeout } = this.access.bucket.jetstream.connection;
    return this.releaseWithin(new Deadline(Math.min(timeout, this.record.ttl)));
  }

  /** @internal As {@link release}, with a limit in time. */
  async releaseWithin(deadline: Deadline): Promise<void> {
    this.releasing ??= this.giveUp(Math.max(1, Math.min(deadline.left, this.record.ttl)));
    // Without a link there is no server to wait for: the removal is sent if the link is back in time.
    if (this.access.bucket.jetstream.connection.hasLink) await deadline.wait(this.releasing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  private async giveUp(timeout: number): Promise<void> {
    if (this.signal.aborted) return;
    const deadline = new Deadline(timeout);
    this.end(undefined);
    // Only its acknowledgement tells the revision that a renewal on its way makes.
    if (this.renewal) await deadline.wait(this.renewal);
    try {
      await this.vacate(deadline);
    } catch (error) {
      if (error instanceof ConnectionClosedError) return;
      this.logger.warn(
        `Lock "${this.key}" in bucket "${this.access.bucket.name}" was not released, others get it within ` +
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
      // Either another holder has it, or a renewal was stored whose acknowledgement was lost.
      const entry = await reader.change(this.key, { consistent: true });
      if (!entry || recordOf(entry)?.id !== this.record.id) return;
      this.current = entry.revision;
    }
  }

  private schedule(pause: number): void {
    this.timer?.cancel();
    const left = this.validUntil - performance.now();
    // The connection keeps the process alive, as long as it has a reason to.
    this.timer = new Timer(Math.max(0, Math.min(pause, left)), () => this.onTimer(), { keepsAlive: false });
  }

  private onTimer(): void {
    if (!this.held) return this.lose('it could not be renewed in time', this.lastFailure);
    // While a renewal is on its way, the timer only watches the end of the lock.
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

  /** The key was written: by another holder, or by this one with a renewal whose acknowledgement was lost. */
  private async lookUp(mismatch: RevisionMismatchError): Promise<void> {
    try {
      const entry = await this.access.reader.change(this.key, { consistent: true });
      if (this.signal.aborted) return;
      if (recordOf(entry)?.id !== this.record.id) return this.lose('it was taken away or removed', mismatch);
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

/** How long a holder may believe in a sign of life, in milliseconds. */
function validity(ttl: number): number {
  return ttl * 0.9;
}

/** A ttl as the server takes it, in whole seconds: rounded up, since it may only be longer. */
export function wholeSeconds(ttl: number): number {
  return Math.min(Math.ceil(ttl / 1_000) * 1_000, LONGEST_TTL);
}
