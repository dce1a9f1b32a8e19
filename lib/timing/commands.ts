/**
 * Runs the commands of one object one after another, in the order of the calls: each starts when the previous one has
 * ended, regardless of its outcome.
 */
export class CommandQueue {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs a command after all earlier ones; resolves or rejects with its outcome. */
  run<T>(command: () => T | PromiseLike<T>): Promise<T> {
    const result = this.last.then(command);
    this.last = result.catch(() => undefined);
    return result;
  }
}
