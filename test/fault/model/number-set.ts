/** A set of small whole numbers with one bit each, so that a long run is not mistaken for a leak of the library. */
export class NumberSet implements Iterable<number> {
  private bits = new Uint8Array(1_024);
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(value: number): void {
    if (this.has(value)) return;
    const index = value >> 3;
    if (index >= this.bits.length) {
      const larger = new Uint8Array(Math.max(index + 1, 2 * this.bits.length));
      larger.set(this.bits);
      this.bits = larger;
    }
    this.bits[index] |= 1 << (value & 7);
    this.count++;
  }

  has(value: number): boolean {
    return ((this.bits[value >> 3] ?? 0) & (1 << (value & 7))) !== 0;
  }

  *[Symbol.iterator](): Generator<number> {
    for (const [index, byte] of this.bits.entries()) {
      for (let bit = 0; byte >> bit !== 0; bit++) if ((byte >> bit) & 1) yield index * 8 + bit;
    }
  }
}
