import { Logger } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { FencedObservable, UserCalls } from '../user-code/index.js';

type Listener = (...args: never[]) => unknown;

/**
 * The listeners added by `on` of a client or server: if one throws or rejects, the error is logged and the others are
 * not affected.
 */
export class TransportEvents {
  private readonly calls: UserCalls;
  private readonly listeners = new Map<string, Listener[]>();

  constructor(context: string) {
    this.calls = new UserCalls(new Logger(context));
  }

  on(event: string, listener: Listener): void {
    const known = this.listeners.get(event);
    if (known) known.push(listener);
    else this.listeners.set(event, [listener]);
  }

  /** An observable whose subscribers cannot affect it: their errors are logged. */
  fence<T>(source: Observable<T>, name: string): Observable<T> {
    return new FencedObservable(
      (observer) => source.subscribe(observer),
      this.calls,
      `A subscriber of ${name}`,
    );
  }

  emit(event: string, ...args: readonly unknown[]): void {
    for (const listener of this.listeners.get(event) ?? []) {
      this.calls.call(`A listener of "${event}"`, () => listener(...(args as never[])));
    }
  }
}
