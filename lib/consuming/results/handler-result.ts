import { setImmediate } from 'node:timers/promises';
import { Observable, Subscriber, type Observer } from 'rxjs';
import { iteratorOf, nextOf, pendingThenable } from '../../user-code/index.js';

/**
 * The pending part of a handler's result: a promise of the next step, or `undefined` if the result is a plain value and
 * the handler has ended.
 *
 * A handler may return a value, a promise or other thenable, an observable (of any copy of rxjs; its last value counts
 * when it completes), an asynchronous iterable or a generator (which run to their end). The outcome of a step may be
 * pending too, such as a promise of an observable: callers check the resolved value in the same way, or use
 * {@link finalResult}.
 *
 * Never throws, and always returns a native promise: a getter or a `then` that throws rejects it, and if a thenable
 * calls back twice, the first call counts. A native promise is returned as it is.
 */
export function pendingResult(result: unknown): Promise<unknown> | undefined {
  if (typeof result !== 'object' || result === null) {
    return typeof result === 'function' ? pendingThenable(result) : undefined;
  }
  try {
    const thenable = pendingThenable(result);
    if (thenable !== undefined) return thenable;
    if (isObservableLike(result)) return lastValueOf(result);
    const steps = stepsOf(result);
    return steps && runToEnd(steps);
  } catch (error) {
    return rejection(error);
  }
}

/** The final outcome of a handler's result, regardless of the number of steps. */
export async function finalResult(result: unknown): Promise<unknown> {
  let value = result;
  for (let step = pendingResult(value); step !== undefined; step = pendingResult(value)) value = await step;
  return value;
}

/** Something that can be subscribed to as an observable of rxjs, or of another library that follows the same proposal. */
export interface ObservableLike {
  subscribe(observer: {
    readonly next: (value: unknown) => void;
    readonly error: (error: unknown) => void;
    readonly complete: () => void;
  }): unknown;
}

/** Whether a value is an observable: of this copy of rxjs, of another one, or of a library that is compatible with it. */
export function isObservableLike(value: unknown): value is ObservableLike {
  if (value instanceof Observable) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { subscribe, lift } = value as { readonly subscribe?: unknown; readonly lift?: unknown };
  if (typeof subscribe !== 'function') return false;
  if (typeof lift === 'function' || '@@observable' in value) return true;
  const { observable } = Symbol as { readonly observable?: symbol };
  return observable !== undefined && observable in value;
}

/** Converts to an observable of this copy of rxjs, with the same values. */
export function toObservable(source: ObservableLike): Observable<unknown> {
  if (source instanceof Observable) return source;
  return new Observable((subscriber) => subscribeSafely(source, subscriber));
}

/** The iterator of a generator or an asynchronous iterable. */
export type Steps = Iterator<unknown, unknown> | AsyncIterator<unknown, unknown>;

/**
 * The iterator of a generator or asynchronous iterable; `undefined` for any other value. Arrays, maps, sets, text and
 * bytes are iterable too, but count as values.
 *
 * @throws {@link InvalidArgumentError} if the iterable has no iterator
 */
export function stepsOf(value: unknown): Steps | undefined {
  if (!hasSteps(value)) return undefined;
  const iterable = value as Partial<AsyncIterable<unknown>>;
  if (typeof iterable[Symbol.asyncIterator] !== 'function') return value as Iterator<unknown>;
  return iteratorOf(value as AsyncIterable<unknown>, 'result');
}

/** Whether a value is a generator or an asynchronous iterable. */
export function hasSteps(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const iterable = value as Partial<AsyncIterable<unknown> & Iterator<unknown>>;
  if (typeof iterable[Symbol.asyncIterator] === 'function') return true;
  return (
    typeof iterable.next === 'function' && typeof iterable.throw === 'function' && Symbol.iterator in value
  );
}

/** The last value of an observable; `undefined` if it has none. Rejects with its error, or that of its teardown. */
export function lastValueOf(source: ObservableLike): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let last: unknown;
    subscribeSafely(source, {
      next: (value) => (last = value),
      error: reject,
      complete: () => resolve(last),
    });
  });
}

/**
 * Subscribes to the observable that a handler returned. The observer is notified of an error or of the completion after
 * the teardown has run, and errors of the teardown count as errors of the observable. Otherwise rxjs would throw them
 * at the code that completes the observable, for example a timer, which would end the process.
 *
 * @returns the function that unsubscribes
 */
export function subscribeSafely(source: ObservableLike, observer: Observer<unknown>): () => void {
  const subscriber = new SafeSubscriber(observer);
  try {
    source.subscribe(takesSubscribers(source) ? subscriber : observerOf(subscriber));
  } catch (error) {
    subscriber.fail(error);
  }
  subscriber.subscribed();
  return () => subscriber.unsubscribe();
}

class SafeSubscriber extends Subscriber<unknown> {
  private failure: { readonly error: unknown } | undefined;
  private subscribing = true;
  private ended = false;

  constructor(private readonly observer: Observer<unknown>) {
    super();
  }

  /** Called when `subscribe` has returned and a teardown that it called at once has run. */
  subscribed(): void {
    this.subscribing = false;
    this.report();
  }

  /** Called if subscribing or the teardown threw. An earlier error of the observable itself takes precedence. */
  fail(error: unknown): void {
    this.failure ??= { error: onlyError(error) };
    this.ended = true;
  }

  protected override _next(value: unknown): void {
    this.observer.next(value);
  }

  protected override _error(error: unknown): void {
    this.failure = { error };
    this.close();
  }

  protected override _complete(): void {
    this.close();
  }

  private close(): void {
    this.ended = true;
    try {
      this.unsubscribe();
    } catch (error) {
      this.fail(error);
    }
    this.report();
  }

  private report(): void {
    if (!this.ended || this.subscribing) return;
    if (this.failure) this.observer.error(this.failure.error);
    else this.observer.complete();
  }
}

/** Whether the subscriber itself can be passed to an observable; true for those of rxjs 7, from any copy. */
function takesSubscribers(source: ObservableLike): boolean {
  if (source instanceof Observable) return true;
  // This property identifies observables of rxjs 6, which would copy the subscriber.
  return typeof (source as { readonly lift?: unknown }).lift === 'function' && !('_isScalar' in source);
}

function observerOf(subscriber: Subscriber<unknown>): Parameters<ObservableLike['subscribe']>[0] {
  return {
    next: (value) => subscriber.next(value),
    error: (error) => subscriber.error(error),
    complete: () => subscriber.complete(),
  };
}

/** rxjs combines the errors of all teardowns; a single one is the handler's own error. */
function onlyError(error: unknown): unknown {
  const { name, errors } = (error ?? {}) as { readonly name?: unknown; readonly errors?: readonly unknown[] };
  return name === 'UnsubscriptionError' && errors?.length === 1 ? errors[0] : error;
}

/** The number of consecutive steps before the event loop gets a turn. */
const STEPS_IN_A_TURN = 256;

/**
 * The next step of a handler's iterator. An iterator that never waits must not block the event loop.
 *
 * @throws the error of the iterator; {@link InvalidArgumentError} if the iterator returns an invalid result
 */
export async function nextStep(steps: Steps, number: number): Promise<IteratorResult<unknown, unknown>> {
  if (number % STEPS_IN_A_TURN === 0) await setImmediate();
  return nextOf(steps, 'result');
}

/** Runs a generator or asynchronous iterable to its end. The result is its return value, not the yielded values. */
export async function runToEnd(
  steps: Steps,
  take: (value: unknown) => unknown = (value) => value,
): Promise<unknown> {
  for (let number = 1; ; number++) {
    const { done, value } = await nextStep(steps, number);
    if (done) return finalResult(value);
    try {
      await take(value);
    } catch (error) {
      // The result has already failed with this error; an error of closing adds no information.
      await closeSteps(steps).catch(() => undefined);
      throw error;
    }
  }
}

/** Closes an iterator; rejects if that fails. */
export async function closeSteps(steps: Steps): Promise<unknown> {
  return finalResult(steps.return?.());
}

function rejection(error: unknown): Promise<never> {
  return Promise.reject(error);
}
