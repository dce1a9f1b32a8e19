/** The queue is full with this many items: the server has to wait, and continues when half of them are left. */
const HIGH_WATER = 1_024;

/** The end of a queue: without an error, if its reader stopped it. */
export interface FeedEnd {
  readonly error: Error | undefined;
}

/** Pauses and resumes the delivery by the server. */
export interface FlowControl {
  pause(): void;
  resume(): void;
}

/** Items between the server, which adds them, and a reader, which takes them at its own pace. */
export class FeedQueue<T> {
  /** Called when an item is available, or the queue has ended. */
  onReady: () => void = () => undefined;
  private items: T[] = [];
  private head = 0;
  private full = false;
  private end: FeedEnd | undefined;

  constructor(private readonly flow: FlowControl) {}

  /** Whether no items are queued. */
  get isEmpty(): boolean {
    return this.head === this.items.length;
  }

  /** Set when no items will follow the queued ones. */
  get ended(): FeedEnd | undefined {
    return this.end;
  }

  /** The next item, without taking it. */
  peek(): T | undefined {
    return this.items[this.head];
  }

  /** Takes the next item; `undefined` if there is none yet or the queue has ended. */
  take(): T | undefined {
    if (this.isEmpty) return undefined;
    const item = this.items[this.head++];
    if (this.isEmpty) this.clear();
    if (this.full && this.items.length - this.head <= HIGH_WATER / 2) {
      this.full = false;
      this.flow.resume();
    }
    return item;
  }

  add(item: T): void {
    if (this.end) return;
    this.items.push(item);
    if (!this.full && this.items.length - this.head >= HIGH_WATER) {
      this.full = true;
      this.flow.pause();
    }
    this.onReady();
  }

  /** Discards the queued items. */
  clear(): void {
    this.items = [];
    this.head = 0;
  }

  /** Ends the queue: the queued items can still be taken. */
  close(error: Error | undefined): void {
    if (this.end) return;
    this.end = { error };
    this.onReady();
  }
}
