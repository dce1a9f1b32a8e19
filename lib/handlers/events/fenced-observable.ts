import {
  Observable,
  Subscriber,
  type Observer,
  type Operator,
  type Subscription,
  type TeardownLogic,
} from 'rxjs';
import { pendingThenable } from '../results/index.js';

/**
 * An observable whose subscribers cannot harm it or the process: what their functions throw, or reject with if they are
 * asynchronous, is reported. That also holds for what is derived from it by operators. rxjs would throw it in a timer, which
 * ends the process.
 */
export class FencedObservable<T> extends Observable<T> {
  constructor(
    subscribe: ((this: Observable<T>, subscriber: Subscriber<T>) => TeardownLogic) | undefined,
    private readonly report: (error: unknown) => void,
  ) {
    super(subscribe);
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new FencedObservable<R>(undefined, this.report);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }

  override subscribe(
    observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // An operator of rxjs takes care of its errors itself.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer: Partial<Observer<T>> =
      typeof observerOrNext === 'object' && observerOrNext !== null
        ? observerOrNext
        : { ...given('next', observerOrNext), ...given('error', error), ...given('complete', complete) };
    return super.subscribe({
      next: (value) => this.fence(() => observer.next?.(value)),
      error: (failure: unknown) =>
        observer.error ? this.fence(() => observer.error?.(failure)) : this.report(failure),
      complete: () => this.fence(() => observer.complete?.()),
    });
  }

  private fence(act: () => unknown): void {
    try {
      pendingThenable(act())?.catch(this.report);
    } catch (error) {
      this.report(error);
    }
  }
}

function given<Key extends string, Value>(key: Key, value: Value | null | undefined): { [K in Key]?: Value } {
  return value === null || value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}
