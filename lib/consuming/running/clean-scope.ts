import { AsyncResource } from 'node:async_hooks';

/** How many scopes are made at a time: so one entry into the captured context serves many messages. */
const REFILL = 64;

/**
 * Runs the handling of each message in a new asynchronous scope, derived from the context in which this object was made:
 * what a handler puts into an `AsyncLocalStorage` with `enterWith` is visible to no other message, whichever socket,
 * timer or caller brings that one.
 *
 * One shared `AsyncResource` would not do: on Node 20, `enterWith` changes the resource itself.
 */
export class CleanScope {
  private readonly captured = new AsyncResource('JetStreamHandlers');
  private readonly unused: AsyncResource[] = [];
  private readonly refill = (): AsyncResource => {
    while (this.unused.length < REFILL) this.unused.push(new AsyncResource('JetStreamMessage'));
    return new AsyncResource('JetStreamMessage');
  };

  /** Calls a function in a scope that nothing has run in before. */
  run<Input, Result>(act: (input: Input) => Result, input: Input): Result {
    const scope = this.unused.pop() ?? this.captured.runInAsyncScope(this.refill);
    return scope.runInAsyncScope(act, undefined, input);
  }

  /** Makes a function that runs each of its calls in a scope of its own. */
  around<Input, Result>(act: (input: Input) => Result): (input: Input) => Result {
    return (input) => this.run(act, input);
  }
}
