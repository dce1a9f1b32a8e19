import { LockLostError, RevisionMismatchError } from '../errors/index.js';
import type { KeyValueGetOptions } from './bucket-reader.js';
import type { BucketWriter, WriteConditions } from './bucket-writer.js';
import type { Bucket } from './bucket.js';
import type { KeyValueEntry } from './key-value-entry.js';
import { encodeRecord, recordOf, type LockRecord } from './lock-record.js';

/** What a lock uses of its bucket: whatever values that has, the lock reads and writes its own. */
export interface LockAccess {
  readonly bucket: Pick<Bucket<unknown>, 'name' | 'allowsTtl'>;
  readonly reader: {
    change(key: string, options: KeyValueGetOptions): Promise<KeyValueEntry<unknown> | undefined>;
  };
  readonly writer: Pick<BucketWriter<unknown>, 'remove'> & {
    putIf(key: string, value: Uint8Array, conditions: WriteConditions): Promise<number>;
  };
}

/**
 * A lock that this process holds. It is renewed by itself until it is released or lost.
 *
 * The holder stops believing in it before anybody else may take it: it counts from before each renewal was sent and
 * gives a tenth of the ttl away, while others count the whole ttl from when they saw the renewal. No clocks are compared.
 * What the holder began just before may still take effect afterwards, at a database for example; where that matters,
 * pass {@link revision} along and let the other side refuse a smaller one than it has seen.
 */
export class KeyLock implements AsyncDisposable {
  private readonly controller = new AbortController();
  private readonly value: Uint8Array;
  private current: number;
  private validUntil: number;
  private timer: NodeJS.Timeout | undefined;
  private releasing: Promise<void> | undefined;

  /** @internal Made by {@link KeyValue.lock}. */
  constructor(
    private readonly access: LockAccess,
    /** The key that is locked. */
    readonly key: string,
    private readonly record: LockRecord,
    /** The fencing token: the revision that the lock was obtained with. Whoever obtains it later has a greater one. */
    readonly revision: number,
    obtainedSince: number,
  ) {
    this.value = encodeRecord(record);
    this.current = revision;
    this.validUntil = obtainedSince + validity(record.ttl);
    this.schedule(record.ttl / 3);
  }

  /** Whether the lock is held at this moment. */
  get held(): boolean {
    return !this.controller.signal.aborted && performance.now() < this.validUntil;
  }

  /** Aborted when the lock is lost, with a {@link LockLostError}, or released. Give it to what the lock protects. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** @internal Calls back when the lock is lost or released, at once where it is so already. */
  onEnd(callback: () => void): void {
    if (this.signal.aborted) callback();
    else this.signal.addEventListener('abort', callback, { once: true });
  }

  /** Gives the lock up, so that the next one has it at once. Does nothing where it is lost or released already. */
  release(): Promise<void> {
    this.releasing ??= this.giveUp();
    return this.releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  private async giveUp(): Promise<void> {
    if (this.signal.aborted) return;
    this.end(undefined);
    const { bucket, writer } = this.access;
    const ttl = bucket.allowsTtl ? wholeSeconds(this.record.ttl) : undefined;
    // Where it fails, the others have to wait for the ttl: nothing more can be done about it here.
    await writer
      .remove(this.key, 'PURGE', { revision: this.current, ttl, timeout: this.record.ttl })
      .catch(() => undefined);
  }

  private schedule(pause: number): void {
    clearTimeout(this.timer);
    const left = this.validUntil - performance.now();
    this.timer = setTimeout(() => this.onTimer(), Math.max(0, Math.min(pause, left)));
  }

  private onTimer(): void {
    if (this.held) void this.renew();
    else this.lose('it could not be renewed in time');
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
      this.schedule(ttl / 3);
    } catch (error) {
      if (this.signal.aborted) return;
      if (error instanceof RevisionMismatchError) await this.lookUp(error);
      else this.schedule(ttl / 20);
    }
  }

  /** Somebody wrote the key: another one, or this holder with a renewal whose acknowledgement got lost. */
  private async lookUp(mismatch: RevisionMismatchError): Promise<void> {
    try {
      const entry = await this.access.reader.change(this.key, { consistent: true });
      if (this.signal.aborted) return;
      if (recordOf(entry)?.id !== this.record.id) return this.lose('it was taken away or removed', mismatch);
      this.current = entry?.revision ?? this.current;
      this.schedule(0);
    } catch {
      this.schedule(this.record.ttl / 20);
    }
  }

  private lose(problem: string, cause?: Error): void {
    if (this.signal.aborted) return;
    this.end(new LockLostError(this.access.bucket.name, this.key, problem, { cause }));
  }

  private end(reason: LockLostError | undefined): void {
    clearTimeout(this.timer);
    this.controller.abort(reason);
  }
}

/** How long a holder may believe in a sign of life, in milliseconds. */
function validity(ttl: number): number {
  return ttl * 0.9;
}

/** A ttl as the server takes it: it may only be longer. */
export function wholeSeconds(ttl: number): number {
  return Math.ceil(ttl / 1_000) * 1_000;
}
