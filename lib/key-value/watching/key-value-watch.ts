import type { KeyValueEntry } from '../key-value-entry.js';
import { type FeedItem, INITIALIZED, RESTARTED, type WatchFeed } from './watch-feed.js';

/**
 * The changes of keys as an async iterable. It continues after reconnects and server restarts, without gaps or repeats,
 * and ends with `stop`, with `break`, or with an error if it cannot continue. Changes that were replaced by later ones
 * while the connection was down are not delivered; more `history` keeps more of them.
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
   * Resolves when the loop requests the entry after the last initial value, so that it has handled all of them. Also
   * resolves if there are none or the watch is stopped. Rejects if the watch fails before.
   */
  readonly initialized: Promise<void>;
  private readonly waiting: Waiting<T>[] = [];
  /** Whether an entry was returned and no other was requested since, so that it may still be in progress. */
  private inHand = false;
  private markInitialized: () => void = () => undefined;
  private failInitialized: (error: Error) => void = () => undefined;

  /** @internal Created by {@link KeyValue.watch}. */
  constructor(private readonly feed: WatchFeed<T>) {
    this.initialized = new Promise((resolve, reject) => {
      this.markInitialized = resolve;
      this.failInitialized = reject;
    });
    // A caller that does not use the promise must not get an unhandled rejection; the iteration throws the same error.
    this.initialized.catch(() => undefined);
    feed.onReady = () => this.serve();
  }

  /** The next change. Several calls may wait at once; they are served in order. */
  next(): Promise<IteratorResult<KeyValueEntry<T>, undefined>> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.inHand = false;
      this.serve();
    });
  }

  /** Ends the watch: pending calls receive the end of the iteration. */
  stop(): void {
    this.feed.stop();
    this.markInitialized();
  }

  /** The same as `stop`; called when a loop is left. */
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
    // If there are no initial values, their end does not need a reader.
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
