/** How many items make a burst that is not kept back any longer. */
const LIMIT = 256;

/**
 * Hands messages to the client in bursts. The client writes to its socket after each microtask in which it was given
 * something, so a producer that awaits between its messages would cost a system call for each.
 */
export class Burst<T> {
  private items: T[] = [];

  constructor(private readonly send: (item: T) => void) {}

  /** Sends the item with others: when enough have come, or when the process turns to something else. */
  add(item: T): void {
    this.items.push(item);
    if (this.items.length >= LIMIT) this.flush();
    else if (this.items.length === 1) process.nextTick(this.flush);
  }

  /** Sends what is kept back. */
  readonly flush = (): void => {
    const { items } = this;
    if (items.length === 0) return;
    this.items = [];
    for (const item of items) this.send(item);
  };
}
