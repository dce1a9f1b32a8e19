import {
  type CleanScope,
  type CompiledHandler,
  finalResult,
  pendingResult,
  RetryPolicy,
  type Rules,
  verdictOn,
} from '../../consuming/index.js';
import { sleep } from '../../timing/index.js';

/** A failed entry is handled again three times. */
const RULES: Rules = {
  ackMode: 'none',
  retry: new RetryPolicy({ backoff: [100, 1_000, 5_000] }, 4),
  deadLetters: undefined,
};

/** The callbacks of an {@link EntryRunner}. */
export interface EntryReports<Entry> {
  /** Called when an entry failed and is handled again after `wait` milliseconds. */
  onRetry(entry: Entry, error: unknown, wait: number): void;
  /** Called when an entry failed for good and is skipped. */
  onGivenUp(entry: Entry, error: unknown): void;
}

/** Handles the entries of a watch one by one, retries failed ones with backoff, and skips entries that keep failing. */
export class EntryRunner<Entry> {
  private stopped = new AbortController();
  private ended = 0;
  private failures = 0;
  private busy = false;

  private readonly begin = (entry: Entry): Promise<unknown> | undefined => pendingResult(this.handler(entry));

  constructor(
    private readonly handler: CompiledHandler<Entry>,
    private readonly scope: CleanScope,
    private readonly reports: EntryReports<Entry>,
  ) {}

  /** The number of handled entries, including failed ones. */
  get handled(): number {
    return this.ended;
  }

  get failed(): number {
    return this.failures;
  }

  get running(): number {
    return this.busy ? 1 : 0;
  }

  /**
   * Handles an entry. The result is `false` if `stop` was called before its next retry. It is a promise only if
   * handling takes time. Never throws, never rejects.
   */
  handle(entry: Entry): boolean | Promise<boolean> {
    try {
      const pending = this.scope.run(this.begin, entry);
      if (pending === undefined) return this.end();
      this.busy = true;
      return this.settle(entry, pending);
    } catch (error) {
      this.busy = true;
      return this.retry(entry, error);
    }
  }

  /** Stops waiting for retries, until {@link start}. */
  stop(): void {
    this.stopped.abort();
  }

  /** Continues after {@link stop}. */
  start(): void {
    this.stopped = new AbortController();
  }

  private async settle(entry: Entry, pending: Promise<unknown>): Promise<boolean> {
    try {
      await finalResult(pending);
      return this.end();
    } catch (error) {
      return this.retry(entry, error);
    }
  }

  private async retry(entry: Entry, thrown: unknown): Promise<boolean> {
    const { signal } = this.stopped;
    let error = thrown;
    for (let number = 1; ; number++) {
      const verdict = verdictOn(error, { number, inPlace: true }, RULES);
      if (verdict.action !== 'retry') break;
      this.reports.onRetry(entry, error, verdict.delay);
      await sleep(verdict.delay, signal);
      if (signal.aborted) {
        this.busy = false;
        return false;
      }
      try {
        await finalResult(this.scope.run(this.begin, entry));
        return this.end();
      } catch (again) {
        error = again;
      }
    }
    this.failures++;
    this.reports.onGivenUp(entry, error);
    return this.end();
  }

  private end(): true {
    this.busy = false;
    this.ended++;
    return true;
  }
}
