import {
  Observable,
  Subscriber,
  type Observer,
  type Operator,
  type Subscription,
  type TeardownLogic,
} from 'rxjs';
import type { UserCalls } from './user-calls.js';

/**
 * An observable whose subscribers cannot affect it or the process: errors of their functions, or rejections if they are
 * asynchronous, are logged. This also applies to observables derived from it by operators. rxjs would throw the error
 * in a timer, which ends the process, or at the code that emits, so that other subscribers would receive nothing.
 */
export class FencedObservable<T> extends Observable<T> {
  constructor(
    subscribe: ((observer: Observer<T>) => TeardownLogic) | undefined,
    private readonly calls: UserCalls,
    /** The name of a subscriber in the log. */
    private readonly subscriber: string,
  ) {
    super(subscribe && ((observer) => subscribe(this.around(observer))));
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new FencedObservable<R>(undefined, this.calls, this.subscriber);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }

  override subscribe(
    observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // Operators of rxjs handle their errors themselves.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer: Partial<Observer<T>> =
      typeof observerOrNext === 'object' && observerOrNext !== null
        ? observerOrNext
        : { ...given('next', observerOrNext), ...given('error', error), ...given('complete', complete) };
    return super.subscribe(this.around(observer));
  }

  private around(observer: Partial<Observer<T>>): Observer<T> {
    const fence = (act: () => unknown): void => this.calls.call(this.subscriber, act);
    return {
      next: (value) => fence(() => observer.next?.(value)),
      error: (failure: unknown) =>
        fence(() => {
          if (!observer.error) throw failure;
          return observer.error(failure);
        }),
      complete: () => fence(() => observer.complete?.()),
    };
  }
}

function given<Key extends string, Value>(key: Key, value: Value | null | undefined): { [K in Key]?: Value } {
  return value === null || value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}
