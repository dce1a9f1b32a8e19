import { Ring } from './ring.js';

/**
 * Handles one item after another. If handling returns a promise or another thenable, items that arrive in the meantime
 * wait for it; otherwise no item is queued and no promise is created.
 */
export class InOrder<T> {
  private readonly waiting = new Ring<T>();
  private busy = false;

  constructor(
    private readonly handle: (item: T) => unknown,
    private readonly owner: {
      /** Called when an item was handled, successfully or not. */
      onHandled(item: T): void;
      /** Called when handling threw, or its promise rejected; `onHandled` follows. */
      onThrown(thrown: unknown, item: T): void;
    },
  ) {}

  get isIdle(): boolean {
    return !this.busy && this.waiting.size === 0;
  }

  add(item: T): void {
    if (this.busy) this.waiting.push(item);
    else this.start(item);
  }

  /** Discards the waiting items. */
  clear(): void {
    this.waiting.clear();
  }

  private start(item: T): void {
    this.busy = true;
    try {
      const handling = this.handle(item);
      if (isThenable(handling)) return void this.finishLater(item, handling);
    } catch (thrown) {
      this.owner.onThrown(thrown, item);
    }
    this.finish(item);
  }

  private async finishLater(item: T, handling: PromiseLike<unknown>): Promise<void> {
    try {
      await handling;
    } catch (thrown) {
      this.owner.onThrown(thrown, item);
    }
    this.finish(item);
    for (let next; !this.busy && (next = this.waiting.shift()) !== undefined;) this.start(next);
  }

  private finish(item: T): void {
    this.busy = false;
    this.owner.onHandled(item);
  }
}

/** Reads `then` of a value of the user, so it may throw. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
