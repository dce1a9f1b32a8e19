import { Logger } from '@nestjs/common';
import { type FeedItem, INITIALIZED, RESTARTED, type WatchFeed } from '../../jetstream/index.js';
import { toError } from '../../reporting/index.js';
import { pendingThenable, UserCalls } from '../../user-code/index.js';
import { checkCallbacks, checkObject } from '../../validation/index.js';
import type { KeyValueEntry } from '../key-value-entry.js';

/** The callbacks of a {@link KvWatcher}. Their errors and rejections end the watch; an error of `onError` is logged. */
export interface KvWatcherOwner<T> {
  /**
   * Called with the next change. Changes are delivered one by one: if this returns a promise, the next change waits for
   * it, and so does the server.
   */
  onEntry(entry: KeyValueEntry<T>): void | Promise<void>;
  /** Called when all values that the bucket had at the beginning were handled. */
  onInitialized?(): unknown;
  /**
   * Called when the bucket was deleted and created again: its initial values follow, and the state of the old one is
   * void.
   */
  onRestarted?(): unknown;
  /** Called at most once, when the watch ended except by `stop`. */
  onError(error: Error): void;
}

/** @throws {@link InvalidArgumentError} if it is not an object, or a callback is not a function */
export function checkOwner<T>(owner: KvWatcherOwner<T>): KvWatcherOwner<T> {
  checkObject('owner', owner);
  checkCallbacks(owner, ['onEntry', 'onError'], ['onInitialized', 'onRestarted']);
  return owner;
}

/** A watch with callbacks. */
export class KvWatcher<T> {
  private readonly calls = new UserCalls(new Logger('KeyValue'));
  private busy: Promise<void> | undefined;
  private stopped = false;

  /** @internal Created by {@link KeyValue.follow}. */
  constructor(
    private readonly bucket: string,
    private readonly feed: WatchFeed<KeyValueEntry<T>>,
    private readonly owner: KvWatcherOwner<T>,
  ) {
    feed.onReady = () => this.run();
  }

  /** Ends the watch at once; resolves when the current change, if any, is handled. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.feed.stop();
    await this.busy;
  }

  private run(): void {
    while (!this.busy && !this.stopped) {
      const item = this.feed.take();
      if (item === undefined) break;
      this.handle(item);
    }
    const { ended } = this.feed;
    if (!ended?.error || this.busy || this.stopped) return;
    this.stopped = true;
    this.tell(ended.error);
  }

  private handle(item: FeedItem<KeyValueEntry<T>>): void {
    try {
      const handling = pendingThenable(this.call(item));
      if (handling) this.busy = this.wait(handling);
    } catch (error) {
      this.fail(error);
    }
  }

  private call(item: FeedItem<KeyValueEntry<T>>): unknown {
    if (item === INITIALIZED) return this.owner.onInitialized?.();
    if (item === RESTARTED) return this.owner.onRestarted?.();
    return this.owner.onEntry(item);
  }

  /** Never rejects. */
  private async wait(handling: Promise<unknown>): Promise<void> {
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
    this.tell(toError(thrown));
  }

  /** Reports the end of the watch. An error of the callback cannot be reported any further. */
  private tell(error: Error): void {
    this.calls.call(`onError of a watch of bucket "${this.bucket}"`, () => this.owner.onError(error));
  }
}
