import { type FeedItem, INITIALIZED, RESTARTED, type WatchFeed } from './watch-feed.js';

/** Called by a {@link WatchIterator} between two entries. They must not throw. */
export interface WatchReports {
  /** All initial entries were handled; called again after a restart. */
  onInitialized?(): void;
  /** The stream was deleted and created again: its initial entries follow. */
  onRestarted?(): void;
}

/**
 * The entries of a watch as an async iterable. It continues after reconnects and server restarts, and ends with `stop`,
 * with `drain`, with `break`, or with an error if it cannot continue.
 */
export class WatchIterator<E> implements AsyncIterableIterator<E>, AsyncDisposable {
  /**
   * Resolves when the loop requests the entry after the last initial one, so that it has handled all of them. Also
   * resolves if there are none or the watch is stopped. Rejects if the watch fails before.
   */
  readonly initialized: Promise<void>;
  private readonly waiting: Waiting<E>[] = [];
  /** Whether an entry was returned and no other was requested since, so that it may still be in progress. */
  private inHand = false;
  private markInitialized: () => void = () => undefined;
  private failInitialized: (error: Error) => void = () => undefined;

  /** @internal */
  constructor(
    private readonly feed: WatchFeed<E>,
    private readonly reports: WatchReports = {},
  ) {
    this.initialized = new Promise((resolve, reject) => {
      this.markInitialized = resolve;
      this.failInitialized = reject;
    });
    // A caller that does not use the promise must not get an unhandled rejection; the iteration throws the same error.
    this.initialized.catch(() => undefined);
    feed.onReady = () => this.serve();
    // The feed may have items already.
    this.serve();
  }

  /** The next entry. Several calls may wait at once; they are served in order. */
  next(): Promise<IteratorResult<E, undefined>> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.inHand = false;
      this.serve();
    });
  }

  /** Ends the watch: pending calls receive the end of the iteration. Entries that were not taken yet are discarded. */
  stop(): void {
    this.feed.stop();
    this.markInitialized();
  }

  /** Ends the watch. The iteration continues with the entries that have already arrived. */
  drain(): void {
    this.feed.drain();
  }

  /** The same as `stop`; called when a loop is left. */
  async return(): Promise<IteratorResult<E, undefined>> {
    this.stop();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  private serve(): void {
    // If there are no initial entries, their end does not need a reader.
    while (this.waiting.length > 0 || (this.feed.peek() === INITIALIZED && !this.inHand)) {
      const item = this.feed.take();
      if (item === undefined) break;
      this.hand(item);
    }
    if (this.feed.ended) this.finish(this.feed.ended.error);
  }

  private hand(item: FeedItem<E>): void {
    if (item === INITIALIZED) {
      this.markInitialized();
      this.reports.onInitialized?.();
      return;
    }
    if (item === RESTARTED) {
      this.reports.onRestarted?.();
      return;
    }
    this.inHand = true;
    this.waiting.shift()?.resolve({ done: false, value: item });
  }

  private finish(error: Error | undefined): void {
    if (error && !this.feed.initialized) this.failInitialized(error);
    if (this.feed.peek() !== undefined) return;
    this.markInitialized();
    for (const { resolve, reject } of this.waiting.splice(0)) {
      if (error) reject(error);
      else resolve({ done: true, value: undefined });
    }
  }
}

interface Waiting<E> {
  readonly resolve: (result: IteratorResult<E, undefined>) => void;
  readonly reject: (error: Error) => void;
}
