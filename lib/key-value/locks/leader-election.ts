import { hostname } from 'node:os';
import { Logger } from '@nestjs/common';
import { ConnectionClosedError, LockLostError } from '../../errors/index.js';
import type { CallOptions } from '../../jetstream/index.js';
import { errorText, heldBackText, ReportLimiter } from '../../reporting/index.js';
import { Backoff, Deadline, sleep } from '../../timing/index.js';
import { UserCalls } from '../../user-code/index.js';
import type { KeyLock } from './key-lock.js';

/** Options of an election. */
export interface LeaderElectionOptions {
  /**
   * How long other candidates wait for a renewal of the leader, in milliseconds: a crashed leader is replaced after
   * this time. Renewals are sent three times as often. Default 10,000; at least 100.
   */
  readonly ttl?: number | undefined;
  /** The name of this candidate. Default: the host's name and the process's id. */
  readonly name?: string | undefined;
  /**
   * Called when this candidate becomes the leader. `lock.signal` is aborted when it no longer leads; `lock.revision` is
   * the fencing token. The election does not wait for a promise; an error is logged and has no effect.
   */
  onElected?(lock: KeyLock): unknown;
  /**
   * Called when this candidate no longer leads: it lost the lock, or it withdrew. Promises and errors are treated as
   * above.
   */
  onDeposed?(): unknown;
}

/** The operations of an election on its bucket. */
export interface Ballot {
  /** The name of the bucket. */
  readonly bucket: string;
  /** Waits until this candidate leads. */
  obtain(signal: AbortSignal): Promise<KeyLock>;
  /** Requests the name of the leader. */
  leader(options: CallOptions): Promise<string | undefined>;
  /** How long to wait for the server when the election is stopped, in milliseconds. */
  readonly timeout: number;
  /** Called when the candidate no longer contends. */
  ended(): void;
}

const RETRY = { first: 100, longest: 5_000 };

/** The default name of a holder or candidate. */
export const DEFAULT_NAME = `${hostname()}:${process.pid}`;

/**
 * Elects one of the participating processes as the leader, and another one soon after the leader has ended: each
 * process contends repeatedly for the same lock.
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

  /** @internal Created by {@link KeyValue.elect}. */
  constructor(
    /** The key of the election. */
    readonly key: string,
    /** The name of this candidate. */
    readonly name: string,
    private readonly ballot: Ballot,
    private readonly options: Pick<LeaderElectionOptions, 'onElected' | 'onDeposed'>,
  ) {
    this.running = this.run();
  }

  /** Whether this candidate leads now. This is true for at most one candidate. */
  get isLeader(): boolean {
    return this.lock?.held ?? false;
  }

  /** The lock of the leader; `undefined` while this candidate does not lead. */
  get leadership(): KeyLock | undefined {
    return this.lock?.held ? this.lock : undefined;
  }

  /**
   * The name of the leading candidate according to the bucket's leader; `undefined` if there is none.
   *
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}
   */
  leader(options: CallOptions = {}): Promise<string | undefined> {
    return this.ballot.leader(options);
  }

  /**
   * Withdraws: gives up the lead if this candidate has it, and no longer contends. It waits for the server at most for
   * the connection's `jetstream.timeout`, and not at all without a link; other candidates can then lead after the ttl.
   * It never rejects.
   */
  stop(): Promise<void> {
    return this.stopWithin(new Deadline(this.ballot.timeout));
  }

  /** @internal The same as {@link stop}, with a time limit. */
  async stopWithin(deadline: Deadline): Promise<void> {
    this.withdrawn.abort();
    await this.lock?.releaseWithin(deadline);
    await deadline.wait(this.running);
  }

  /** The same as {@link stop}. It never rejects. */
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
      // Also after a lost lead, because otherwise a lock that is repeatedly lost would be contended for without a
      // pause.
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
