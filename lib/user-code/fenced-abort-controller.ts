import type { UserCalls } from './user-calls.js';

type Add = AbortSignal['addEventListener'];
type Remove = AbortSignal['removeEventListener'];
type Listener = Parameters<Add>[1];

/**
 * An `AbortController` whose signal is handed out to the user: what listeners of the signal throw, or reject with, is logged.
 *
 * Node catches the error of a listener, calls the others, and throws it afterwards in a turn of its own, where it ends the
 * process. So each listener is added with the fence around it. `onabort`, and Node's own functions that take a signal, add
 * their listeners in the same way. It does not reach the listeners of a signal that the user derives, by
 * `AbortSignal.any([signal])`.
 */
export class FencedAbortController {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private readonly fenced = new WeakMap<object, Listener>();

  constructor(
    private readonly calls: UserCalls,
    /** What a listener is called in the log. */
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

  /** The same function for the same listener, so that it can be removed, and is added once. */
  private around(listener: Listener): Listener {
    const given: unknown = listener;
    // What is no listener is left to Node to refuse.
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
