import type { KeyValueEntry } from '../key-value-entry.js';
import { type FeedItem, INITIALIZED, RESTARTED, type WatchFeed } from './watch-feed.js';

/**
 * The changes of keys as an async iterable. It goes on after reconnects and server restarts, without a gap and without
 * a repeat, and ends with `stop`, with `break`, or with an error where it cannot go on. What the bucket no longer holds
 * when the connection is back, because a later change replaced it, is not delivered; more `history` keeps more.
 *
 * @example
 * ```ts
 * for await (const entry of await profiles.watch('sue.*')) {
 *   if (entry.operation === 'PUT') show(entry.key, entry.value);
 * }
 * ```
 */
export class KeyValueWatch<T> implements AsyncIterableIterator<KeyValueEntry<T>>, AsyncDisposable {
  /**
   * Resolves when the loop asks for what comes after the last initial value: it has handled all of them. Resolves too
   * where there are none or the watch is stopped. Rejects where the watch fails before.
   */
  readonly initialized: Promise<void>;
  private readonly waiting: Waiting<T>[] = [];
  /** Whether a change was handed out and no other was asked for since: it may still be in hand. */
  private inHand = false;
  private markInitialized: () => void = () => undefined;
  private failInitialized: (error: Error) => void = () => undefined;

  /** @internal Made by {@link KeyValue.watch}. */
  constructor(private readonly feed: WatchFeed<T>) {
    this.initialized = new Promise((resolve, reject) => {
      this.markInitialized = resolve;
      this.failInitialized = reject;
    });
    // Whoever does not ask must not be brought down by an unhandled rejection; the iteration throws the same error.
    this.initialized.catch(() => undefined);
    feed.onReady = () => this.serve();
  }

  /** The next change. Several calls may wait at once; they are served in turn. */
  next(): Promise<IteratorResult<KeyValueEntry<T>, undefined>> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.inHand = false;
      this.serve();
    });
  }

  /** Ends the watch: what waits for a change gets the end of the iteration. */
  stop(): void {
    this.feed.stop();
    this.markInitialized();
  }

  /** As `stop`; a loop that is left calls it. */
  async return(): Promise<IteratorResult<KeyValueEntry<T>, undefined>> {
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
    // Where there are no initial values their end needs no reader.
    while (this.waiting.length > 0 || (this.feed.peek() === INITIALIZED && !this.inHand)) {
      const item = this.feed.take();
      if (item === undefined) return this.finish();
      this.hand(item);
    }
    if (this.feed.ended) this.finish();
  }

  private hand(item: FeedItem<T>): void {
    if (item === INITIALIZED) return this.markInitialized();
    if (item === RESTARTED) return;
    this.inHand = true;
    this.waiting.shift()?.resolve({ done: false, value: item });
  }

  private finish(): void {
    const { ended } = this.feed;
    if (!ended || this.feed.peek() !== undefined) return;
    if (ended.error) this.failInitialized(ended.error);
    for (const { resolve, reject } of this.waiting.splice(0)) {
      if (ended.error) reject(ended.error);
      else resolve({ done: true, value: undefined });
    }
  }
}

interface Waiting<T> {
  readonly resolve: (result: IteratorResult<KeyValueEntry<T>, undefined>) => void;
  readonly reject: (error: Error) => void;
}
