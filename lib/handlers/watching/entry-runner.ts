import {
  type CleanScope,
  type CompiledHandler,
  finalResult,
  pendingResult,
  RetryPolicy,
  type Rules,
  verdictOn,
} from '../../consuming/index.js';
import type { HandlerObserver, ObservedDelivery, Outcome } from '../../instruments/index.js';
import { sleep } from '../../timing/index.js';

/** A failed entry is handled again three times. */
function rulesOf(timeScale: number): Rules {
  const retry = new RetryPolicy({ backoff: [100, 1_000, 5_000] }, 4, timeScale);
  return { ackMode: 'none', retry, deadLetters: undefined };
}

/** The callbacks of an {@link EntryRunner}. */
export interface EntryReports<Entry extends object> {
  /** Called when an entry failed and is handled again after `wait` milliseconds. */
  onRetry(entry: Entry, error: unknown, wait: number): void;
  /** Called when an entry failed for good and is skipped. */
  onGivenUp(entry: Entry, error: unknown): void;
  /** An entry as instruments see it. */
  deliveryOf(entry: Entry): ObservedDelivery;
}

const NOTHING = new Uint8Array(0);
const NO_DELIVERY: ObservedDelivery = { subject: '', data: NOTHING };

/** An entry that is observed. */
interface ObservedEntry {
  readonly delivery: ObservedDelivery;
  readonly startedAt: number;
  ended: boolean;
}

/** Handles the entries of a watch one by one, retries failed ones with backoff, and skips entries that keep failing. */
export class EntryRunner<Entry extends object> {
  private stopped = new AbortController();
  private ended = 0;
  private failures = 0;
  /** The entry that is being handled, unless its handler is synchronous. */
  private held: Entry | undefined;

  private readonly rules: Rules;
  private readonly begin: (entry: Entry) => Promise<unknown> | undefined;
  /** The entry whose handler is called, if an instrument is interested. */
  private calling: ObservedEntry | undefined;
  /** The last entry that was started. An entry that was in progress at a stop may end after later entries. */
  private current: ObservedEntry | undefined;

  constructor(
    handler: CompiledHandler<Entry>,
    private readonly scope: CleanScope,
    private readonly reports: EntryReports<Entry>,
    private readonly observer?: HandlerObserver,
    /** The factor for the waits before retries, which a test kit sets. */
    timeScale = 1,
  ) {
    this.rules = rulesOf(timeScale);
    const call = observer?.around(handler, () => [this.calling?.delivery ?? NO_DELIVERY]) ?? handler;
    this.begin = (entry) => pendingResult(call(entry));
  }

  /** The number of handled entries, including failed ones. */
  get handled(): number {
    return this.ended;
  }

  get failed(): number {
    return this.failures;
  }

  get running(): number {
    return this.held === undefined ? 0 : 1;
  }

  /** The entry whose handler has not ended. */
  get unfinished(): readonly Entry[] {
    return this.held === undefined ? [] : [this.held];
  }

  /**
   * Handles an entry. The result is `false` if `stop` was called before its next retry. It is a promise only if
   * handling takes time. Never throws, never rejects.
   */
  handle(entry: Entry): boolean | Promise<boolean> {
    const observed = this.observer && this.observeStart(entry, this.observer);
    try {
      const pending = this.call(entry, observed);
      if (pending === undefined) return this.end(observed);
      this.held = entry;
      return this.settle(entry, pending, observed);
    } catch (error) {
      this.held = entry;
      return this.retry(entry, error, observed);
    }
  }

  /** Reports an entry whose handler did not end in time when the watch was stopped. */
  abandon(): void {
    if (this.held !== undefined) this.observeEnd(this.current, 'released');
  }

  /** Stops waiting for retries, until {@link start}. */
  stop(): void {
    this.stopped.abort();
  }

  /** Continues after {@link stop}. */
  start(): void {
    this.stopped = new AbortController();
  }

  private call(entry: Entry, observed: ObservedEntry | undefined): Promise<unknown> | undefined {
    this.calling = observed;
    return this.scope.run(this.begin, entry);
  }

  private async settle(
    entry: Entry,
    pending: Promise<unknown>,
    observed: ObservedEntry | undefined,
  ): Promise<boolean> {
    try {
      await finalResult(pending);
      return this.end(observed);
    } catch (error) {
      return this.retry(entry, error, observed);
    }
  }

  private async retry(entry: Entry, thrown: unknown, observed: ObservedEntry | undefined): Promise<boolean> {
    const { signal } = this.stopped;
    let error = thrown;
    for (let number = 1; ; number++) {
      const verdict = verdictOn(error, { number, inPlace: true }, this.rules);
      if (verdict.action !== 'retry') break;
      this.reports.onRetry(entry, error, verdict.delay);
      await sleep(verdict.delay, signal);
      if (signal.aborted) {
        this.held = undefined;
        this.observeEnd(observed, 'released', { error });
        return false;
      }
      try {
        await finalResult(this.call(entry, observed));
        return this.end(observed);
      } catch (again) {
        error = again;
      }
    }
    this.failures++;
    this.reports.onGivenUp(entry, error);
    return this.end(observed, 'skipped', { error });
  }

  private observeStart(entry: Entry, observer: HandlerObserver): ObservedEntry {
    const delivery = this.reports.deliveryOf(entry);
    const observed = { delivery, startedAt: performance.now(), ended: false };
    this.current = observed;
    observer.started(delivery);
    return observed;
  }

  private observeEnd(
    observed: ObservedEntry | undefined,
    outcome: Outcome,
    failure?: { readonly error: unknown },
  ): void {
    if (observed === undefined || observed.ended) return;
    observed.ended = true;
    const duration = performance.now() - observed.startedAt;
    const failed = failure !== undefined;
    this.observer?.ended(observed.delivery, { outcome, failed, error: failure?.error, duration });
  }

  private end(
    observed: ObservedEntry | undefined,
    outcome: Outcome = 'left',
    failure?: { readonly error: unknown },
  ): true {
    this.held = undefined;
    this.ended++;
    this.observeEnd(observed, outcome, failure);
    return true;
  }
}
