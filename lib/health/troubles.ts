/**
 * Problems from which the library recovers by itself. They count only when they have lasted for a while, so each is
 * remembered from the first check that found it until a check that does not.
 */
export class Troubles {
  private readonly found = new Map<string, { readonly since: number; readonly position: number }>();

  /**
   * Returns how long something has been in trouble, in milliseconds.
   *
   * @param known how long it has been so at least, if the caller knows that
   * @param position if it has changed since the last check, the trouble is a new one
   */
  age(name: string, known = 0, position = 0): number {
    const now = performance.now();
    const before = this.found.get(name);
    const first = before !== undefined && before.position === position ? before.since : now;
    const since = Math.min(first, now - known);
    this.found.set(name, { since, position });
    return Math.floor(now - since);
  }

  /** Something is not in trouble any more. */
  over(name: string): void {
    this.found.delete(name);
  }
}
