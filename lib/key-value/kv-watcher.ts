import type { KeyValueEntry } from './key-value-entry.js';
import { INITIALIZED, RESTARTED, type WatchFeed } from './watch-feed.js';

/** Whom a {@link KvWatcher} tells of changes. */
export interface KvWatcherOwner<T> {
  /**
   * The next change. Changes come one by one: after a promise the next one waits for it, and the server with it. What
   * this throws or rejects with ends the watch.
   */
  onEntry(entry: KeyValueEntry<T>): void | Promise<void>;
  /** All values that the bucket held at the beginning were handled. */
  onInitialized?(): void;
  /** The bucket was deleted and created again: initial values follow anew, and what is known of it is void. */
  onRestarted?(): void;
  /** The watch ended, and not by `stop`. Called once at most. */
  onError(error: Error): void;
}

/** A watch that calls back, change by change. */
export class KvWatcher<T> {
  private busy: Promise<void> | undefined;
  private stopped = false;

  /** @internal Made by {@link KeyValue.follow}. */
  constructor(
    private readonly feed: WatchFeed<T>,
    private readonly owner: KvWatcherOwner<T>,
  ) {
    feed.onReady = () => this.run();
  }

  /** Ends the watch at once; resolves when the change in hand, if any, was handled. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.feed.stop();
    await this.busy;
  }

  private run(): void {
    while (!this.busy && !this.stopped) {
      const item = this.feed.take();
      if (item === undefined) break;
      if (item === INITIALIZED) this.owner.onInitialized?.();
      else if (item === RESTARTED) this.owner.onRestarted?.();
      else this.handle(item);
    }
    const { ended } = this.feed;
    if (!ended?.error || this.busy || this.stopped) return;
    this.stopped = true;
    this.owner.onError(ended.error);
  }

  private handle(entry: KeyValueEntry<T>): void {
    try {
      const handling = this.owner.onEntry(entry);
      if (handling) this.busy = this.wait(handling);
    } catch (error) {
      this.fail(error);
    }
  }

  private async wait(handling: Promise<void>): Promise<void> {
    try {
      await handling;
    } catch (error) {
      this.fail(error);
    }
    this.busy = undefined;
    this.run();
  }

  private fail(thrown: unknown): void {
    if (this.stopped) return;
    this.stopped = true;
    this.feed.stop();
    this.owner.onError(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}
