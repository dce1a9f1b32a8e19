import { hostname } from 'node:os';
import { Logger } from '@nestjs/common';
import { ConnectionClosedError, LockLostError } from '../../errors/index.js';
import { errorText, heldBackText, ReportLimiter } from '../../reporting/index.js';
import { Backoff, Deadline, sleep } from '../../timing/index.js';
import { UserCalls } from '../../user-code/index.js';
import type { KeyLock } from './key-lock.js';

/** How an election goes. */
export interface LeaderElectionOptions {
  /**
   * How long the others leave a leader alone that gives no sign of life, in milliseconds: a leader that crashed is
   * replaced after that time. It is renewed three times as often. Default 10,000; at least 100.
   */
  readonly ttl?: number | undefined;
  /** The name of this candidate. Default: the host's name and the process's id. */
  readonly name?: string | undefined;
  /**
   * This candidate leads now. `lock.signal` is aborted when it no longer does; `lock.revision` is the fencing token. The
   * election does not wait for a promise; an error is logged and changes nothing.
   */
  onElected?(lock: KeyLock): unknown;
  /** This candidate no longer leads: it was deposed, or it withdrew. Promises and errors are treated as above. */
  onDeposed?(): unknown;
}

/** How an election reaches its bucket. @internal */
export interface Ballot {
  /** The name of the bucket. */
  readonly bucket: string;
  /** Waits for the lead. */
  obtain(signal: AbortSignal): Promise<KeyLock>;
  /** Asks who leads. */
  leader(): Promise<string | undefined>;
  /** How long to wait for the server when the election is stopped, in milliseconds. */
  readonly timeout: number;
  /** The candidate contends no longer. */
  ended(): void;
}

const RETRY = { first: 100, longest: 5_000 };

/** The name of a holder or candidate that was given none. */
export const DEFAULT_NAME = `${hostname()}:${process.pid}`;

/**
 * Makes one of all processes that take part the leader, and another one soon after the leader is gone: each contends for the
 * same lock, again and again.
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
  private readonly calls = new UserCalls(this.logger);
  private readonly limiter = new ReportLimiter();
  private readonly withdrawn = new AbortController();
  private readonly running: Promise<void>;
  private lock: KeyLock | undefined;

  /** @internal Made by {@link KeyValue.elect}. */
  constructor(
    /** The key that is contended for. */
    readonly key: string,
    /** The name of this candidate. */
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

  /** The name of the candidate that leads, as far as the bucket's leader knows; `undefined` if none does. */
  leader(): Promise<string | undefined> {
    return this.ballot.leader();
  }

  /**
   * Withdraws: gives the lead up if this candidate has it, and contends no longer. It waits for the server no longer than
   * the connection's `jetstream.timeout`, and not at all without a link; others lead after the ttl then.
   */
  stop(): Promise<void> {
    return this.stopWithin(new Deadline(this.ballot.timeout));
  }

  /** @internal As {@link stop}, with a limit in time. */
  async stopWithin(deadline: Deadline): Promise<void> {
    this.withdrawn.abort();
    await this.lock?.releaseWithin(deadline);
    await deadline.wait(this.running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Never rejects. */
  private async run(): Promise<void> {
    const { signal } = this.withdrawn;
    const backoff = new Backoff(RETRY);
    while (!signal.aborted) {
      try {
        const lock = await this.ballot.obtain(signal);
        backoff.succeeded();
        await this.lead(lock);
      } catch (error) {
        if (error instanceof ConnectionClosedError) break;
        if (!signal.aborted) this.report(error);
      }
      // After a lost lead too: a lock that is taken away again and again would be contended for without a pause.
      await sleep(backoff.next(), signal, { keepsAlive: false });
    }
    this.ballot.ended();
  }

  /** Resolves when the lock is lost or released. */
  private async lead(lock: KeyLock): Promise<void> {
    if (this.withdrawn.signal.aborted) return lock.release();
    const ended = new Promise<void>((resolve) => lock.onEnd(resolve));
    this.lock = lock;
    this.logger.log(`"${this.name}" leads "${this.key}" of bucket "${this.ballot.bucket}"`);
    this.tell('onElected', () => this.options.onElected?.(lock));
    await ended;
    const { reason } = lock.signal as { readonly reason: unknown };
    const why = reason instanceof LockLostError ? `: ${errorText(reason)}` : '';
    this.logger.log(`"${this.name}" no longer leads "${this.key}"${why}`);
    this.tell('onDeposed', () => this.options.onDeposed?.());
  }

  private report(error: unknown): void {
    const heldBack = this.limiter.admit(error instanceof Error ? error.name : '');
    if (heldBack === undefined) return;
    this.logger.warn(
      `"${this.name}" cannot contend for "${this.key}" of bucket "${this.ballot.bucket}" and tries again: ` +
        `${errorText(error)}${heldBackText(heldBack)}`,
    );
  }

  private tell(name: string, callback: () => unknown): void {
    this.calls.call(`${name} of the election "${this.key}"`, callback);
  }
}
