/** Rings of single keys hold few items and are numerous. A power of two. */
const SMALLEST = 4;

/** A first-in, first-out queue on a ring buffer that grows as needed. */
export class Ring<T> {
  private slots: (T | undefined)[] = emptySlots(SMALLEST);
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  push(item: T): void {
    if (this.count === this.slots.length) this.grow();
    this.slots[(this.head + this.count++) & (this.slots.length - 1)] = item;
  }

  /** Removes the oldest item; `undefined` if there is none. */
  shift(): T | undefined {
    if (this.count === 0) return undefined;
    const item = this.slots[this.head];
    this.slots[this.head] = undefined;
    this.head = (this.head + 1) & (this.slots.length - 1);
    this.count--;
    return item;
  }

  /** Iterates from the oldest to the newest item without removing them. */
  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.count; i++) yield this.slots[(this.head + i) & (this.slots.length - 1)] as T;
  }

  clear(): void {
    this.slots = emptySlots(SMALLEST);
    this.head = 0;
    this.count = 0;
  }

  private grow(): void {
    const grown: (T | undefined)[] = emptySlots(this.slots.length * 2);
    for (let i = 0; i < this.count; i++) grown[i] = this.slots[(this.head + i) & (this.slots.length - 1)];
    this.slots = grown;
    this.head = 0;
  }
}

function emptySlots(size: number): undefined[] {
  return Array.from<undefined>({ length: size }).fill(undefined);
}
