import { AsyncResource } from 'node:async_hooks';

/** The number of scopes created at a time, so that one entry into the captured context serves many messages. */
const REFILL = 64;

/**
 * Runs the handling of each message in a new asynchronous scope, derived from the context in which this object was
 * made: a value that a handler sets with `AsyncLocalStorage.enterWith` is not visible to other messages, regardless of
 * the socket, timer or caller that delivers them.
 *
 * A single shared `AsyncResource` is not sufficient: on Node 20, `enterWith` changes the resource itself.
 */
export class CleanScope {
  private readonly captured = new AsyncResource('JetStreamHandlers');
  private readonly unused: AsyncResource[] = [];
  private readonly refill = (): AsyncResource => {
    while (this.unused.length < REFILL) this.unused.push(new AsyncResource('JetStreamMessage'));
    return new AsyncResource('JetStreamMessage');
  };

  /** Calls a function in an unused scope. */
  run<Input, Result>(act: (input: Input) => Result, input: Input): Result {
    const scope = this.unused.pop() ?? this.captured.runInAsyncScope(this.refill);
    return scope.runInAsyncScope(act, undefined, input);
  }

  /** Wraps a function so that each of its calls runs in a new scope. */
  around<Input, Result>(act: (input: Input) => Result): (input: Input) => Result {
    return (input) => this.run(act, input);
  }
}
