import { toError } from './report.js';
import { Ring } from './ring.js';

/**
 * Handles one item after the other. Where handling returns a promise, what comes in the meantime waits for it; where it
 * does not, nothing is ever queued and no promise is made.
 */
export class InOrder<T> {
  private readonly waiting = new Ring<T>();
  private busy = false;

  constructor(
    private readonly handle: (item: T) => void | Promise<void>,
    private readonly owner: {
      /** An item is handled, well or not. */
      onHandled(item: T): void;
      /** Handling threw, or its promise rejected; `onHandled` follows. */
      onThrown(error: Error): void;
      /** Nothing waits and nothing is being handled, after something had to wait. */
      onIdle(): void;
    },
  ) {}

  get isIdle(): boolean {
    return !this.busy && this.waiting.size === 0;
  }

  add(item: T): void {
    if (this.busy) this.waiting.push(item);
    else this.start(item);
  }

  /** Throws away what waits. */
  clear(): void {
    this.waiting.clear();
  }

  private start(item: T): void {
    this.busy = true;
    try {
      const handling = this.handle(item);
      if (isPromise(handling)) return void this.finishLater(item, handling);
    } catch (thrown) {
      this.owner.onThrown(toError(thrown));
    }
    this.finish(item);
  }

  private async finishLater(item: T, handling: Promise<void>): Promise<void> {
    try {
      await handling;
    } catch (thrown) {
      this.owner.onThrown(toError(thrown));
    }
    this.finish(item);
    for (let next; !this.busy && (next = this.waiting.shift()) !== undefined;) this.start(next);
    if (!this.busy) this.owner.onIdle();
  }

  private finish(item: T): void {
    this.busy = false;
    this.owner.onHandled(item);
  }
}

function isPromise(value: void | Promise<void>): value is Promise<void> {
  return typeof value === 'object' && typeof value.then === 'function';
}
