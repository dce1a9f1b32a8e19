/**
 * Runs the commands of one object one after the other, in the order in which they were given: each starts when the one
 * before has ended, however that ended.
 */
export class CommandQueue {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs a command after all earlier ones; resolves or rejects as the command does. */
  run<T>(command: () => T | PromiseLike<T>): Promise<T> {
    const result = this.last.then(command);
    this.last = result.catch(() => undefined);
    return result;
  }
}
