import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ConnectionClosedError, LockLostError } from '../errors/index.js';
import type { KeyLock } from './key-lock.js';

/** How an election goes. */
export interface LeaderElectionOptions {
  /**
   * How long the others leave a leader alone that gives no sign of life, in milliseconds: a leader that crashed is
   * followed after that time. It is renewed three times as often. Default 10,000; at least 100.
   */
  readonly ttl?: number;
  /** What this candidate is called. Default: the host's name and the process's id. */
  readonly name?: string;
  /** This candidate leads now. `lock.signal` is aborted when it does no longer; `lock.revision` is the fencing token. */
  onElected?(lock: KeyLock): void;
  /** This candidate leads no longer: it was deposed, or it withdrew. */
  onDeposed?(): void;
}

/** How an election reaches its bucket. @internal */
export interface Ballot {
  /** The name of the bucket. */
  readonly bucket: string;
  /** Waits for the lead. */
  obtain(signal: AbortSignal): Promise<KeyLock>;
  /** Asks who leads. */
  leader(): Promise<string | undefined>;
}

const FIRST_RETRY = 100;
const LONGEST_RETRY = 5_000;

/** The name of a holder or candidate that was given none. */
export const DEFAULT_NAME = `${hostname()}:${process.pid}`;

/**
 * Sees to it that of all processes that take part one leads, and another one soon where that one goes: each contends for
 * the same lock, again and again.
 *
 * @example
 * ```ts
 * const election = bucket.elect('scheduler', { onElected: ({ signal }) => schedule(signal) });
 * if (election.isLeader) …
 * await election.stop();
 * ```
 */
export class LeaderElection implements AsyncDisposable {
  private readonly logger = new Logger(LeaderElection.name);
  private readonly withdrawn = new AbortController();
  private readonly running: Promise<void>;
  private lock: KeyLock | undefined;

  /** @internal Made by {@link KeyValue.elect}. */
  constructor(
    /** The key that is contended for. */
    readonly key: string,
    /** What this candidate is called. */
    readonly name: string,
    private readonly ballot: Ballot,
    private readonly options: Pick<LeaderElectionOptions, 'onElected' | 'onDeposed'>,
  ) {
    this.running = this.run();
  }

  /** Whether this candidate leads at this moment. Of all candidates, this is true of one at most. */
  get isLeader(): boolean {
    return this.lock?.held ?? false;
  }

  /** The lock that makes this candidate the leader, `undefined` while it is not. */
  get leadership(): KeyLock | undefined {
    return this.lock?.held ? this.lock : undefined;
  }

  /** The name of who leads, as far as the bucket's leader knows; `undefined` where nobody does. */
  leader(): Promise<string | undefined> {
    return this.ballot.leader();
  }

  /** Withdraws: gives the lead up, where this candidate has it, and contends no longer. */
  async stop(): Promise<void> {
    this.withdrawn.abort();
    await this.lock?.release();
    await this.running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async run(): Promise<void> {
    const { signal } = this.withdrawn;
    for (let retry = FIRST_RETRY; !signal.aborted;) {
      try {
        await this.lead(await this.ballot.obtain(signal));
        retry = FIRST_RETRY;
      } catch (error) {
        if (signal.aborted || error instanceof ConnectionClosedError) break;
        this.logger.warn(
          `No candidate for "${this.key}", next try in ${retry} ms: ${(error as Error).message}`,
        );
        await sleep(retry, undefined, { signal }).catch(() => undefined);
        retry = Math.min(LONGEST_RETRY, retry * 2);
      }
    }
  }

  /** Resolves when the lock is lost or released. */
  private async lead(lock: KeyLock): Promise<void> {
    if (this.withdrawn.signal.aborted) return lock.release();
    const ended = new Promise<void>((resolve) => lock.onEnd(resolve));
    this.lock = lock;
    this.logger.log(`"${this.name}" leads "${this.key}" of bucket "${this.ballot.bucket}"`);
    this.tell(() => this.options.onElected?.(lock));
    await ended;
    const { reason } = lock.signal as { readonly reason: unknown };
    const why = reason instanceof LockLostError ? `: ${reason.message}` : '';
    this.logger.log(`"${this.name}" leads "${this.key}" no longer${why}`);
    this.tell(() => this.options.onDeposed?.());
  }

  /** What a callback throws must not end the election. */
  private tell(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.logger.error(error);
    }
  }
}
