import type { UserCalls } from './user-calls.js';

type Add = AbortSignal['addEventListener'];
type Remove = AbortSignal['removeEventListener'];
type Listener = Parameters<Add>[1];

/**
 * An `AbortController` whose signal is passed to the user: errors and rejections of the signal's listeners are logged.
 *
 * Node catches the error of a listener, calls the others, and throws the error afterwards in a separate turn, where it
 * ends the process. So each listener is wrapped. `onabort`, and Node's own functions that take a signal, add their
 * listeners in the same way. Listeners of a signal that the user derives are not wrapped, for example by
 * `AbortSignal.any([signal])`.
 */
export class FencedAbortController {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private readonly fenced = new WeakMap<object, Listener>();

  constructor(
    private readonly calls: UserCalls,
    /** The name of a listener in the log. */
    private readonly name: string,
  ) {
    const { signal } = this.controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    const replace = (method: string, value: unknown): void =>
      void Object.defineProperty(signal, method, { value, writable: true, configurable: true });
    replace('addEventListener', (...[type, listener, options]: Parameters<Add>) =>
      add(type, this.around(listener), options),
    );
    replace('removeEventListener', (...[type, listener, options]: Parameters<Remove>) =>
      remove(type, this.around(listener), options),
    );
    this.signal = signal;
  }

  /** Aborts the signal. Never throws. */
  abort(reason?: unknown): void {
    this.controller.abort(reason);
  }

  /** Returns the same wrapper for the same listener, so that it can be removed, and is added only once. */
  private around(listener: Listener): Listener {
    const given: unknown = listener;
    // Invalid listeners are left for Node to reject.
    if (given === null || (typeof given !== 'function' && typeof given !== 'object')) return listener;
    const known = this.fenced.get(listener);
    if (known) return known;
    const { calls, name } = this;
    const fenced = function (this: AbortSignal, event: Event): void {
      calls.call(name, () =>
        typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event),
      );
    };
    this.fenced.set(listener, fenced);
    return fenced;
  }
}
