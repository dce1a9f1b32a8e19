/**
 * Problems from which the library recovers by itself. They count only when they have lasted for a while, so each is
 * remembered from the first check that found it until a check that does not.
 */
export class Troubles {
  private readonly found = new Map<string, { readonly since: number; readonly position: number }>();
  private readonly answered = new Map<string, { readonly since: number; readonly problem: string }>();

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

  /**
   * The server has answered with a problem, for example that something does not exist. So it is not silent any more.
   *
   * @returns how long it has answered with a problem, in milliseconds
   */
  report(name: string, problem: string): number {
    const now = performance.now();
    const since = this.answered.get(name)?.since ?? now;
    this.found.delete(name);
    this.answered.set(name, { since, problem });
    return Math.floor(now - since);
  }

  /** The problem of the last answer, which stays true while the server does not answer; `undefined` if there was none. */
  reported(name: string): { readonly problem: string; readonly age: number } | undefined {
    const known = this.answered.get(name);
    if (known === undefined) return undefined;
    return { problem: known.problem, age: Math.floor(performance.now() - known.since) };
  }

  /** Something is not in trouble any more. */
  over(name: string): void {
    this.found.delete(name);
    this.answered.delete(name);
  }
}
