import { Observable, Subscriber, type Observer } from 'rxjs';
import { wrongType } from '../../validation/index.js';

/**
 * What is still pending behind the result of a handler: a promise of the next step, or `undefined` if the result is a plain
 * value and the handler has ended.
 *
 * A handler may return a value, a promise or other thenable, an observable (of any copy of rxjs; its last value counts, when
 * it has completed), an asynchronous iterable or a generator (which run to their end). A step may lead to another one, such
 * as a promise of an observable: callers look at what the promise resolves to in the same way, or use {@link finalResult}.
 *
 * Never throws, and the promise is a native one, whatever the result does: a getter or a `then` that throws rejects it, and
 * of a thenable that calls back twice the first call counts. A native promise is handed out as it is.
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

/** The promise behind a promise or thenable, without looking for observables and iterables; never throws. */
export function pendingThenable(value: unknown): Promise<unknown> | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    const then: unknown = (value as { readonly then?: unknown }).then;
    if (typeof then !== 'function') return undefined;
    if (then === Promise.prototype.then && value.constructor === Promise) {
      return value;
    }
    return adopt(value as PromiseLike<unknown>, then as PromiseLike<unknown>['then']);
  } catch (error) {
    return rejection(error);
  }
}

/** What a handler's result comes to in the end, however many steps that takes. */
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

/** An observable of this copy of rxjs, which has the same values. */
export function toObservable(source: ObservableLike): Observable<unknown> {
  if (source instanceof Observable) return source;
  return new Observable((subscriber) => subscribeSafely(source, subscriber));
}

/** One by one what a generator or an asynchronous iterable brings. */
export type Steps = Iterator<unknown, unknown> | AsyncIterator<unknown, unknown>;

/**
 * The steps of a generator or asynchronous iterable; `undefined` for everything else. Arrays, maps, sets, text and bytes,
 * which can be iterated too, are values.
 *
 * @throws `TypeError` if the iterable has no iterator, as `for await` does
 */
export function stepsOf(value: unknown): Steps | undefined {
  if (!hasSteps(value)) return undefined;
  const iterate = (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
  if (typeof iterate !== 'function') return value as Iterator<unknown>;
  const steps: unknown = iterate.call(value as AsyncIterable<unknown>);
  if (typeof steps === 'object' && steps !== null) return steps as Steps;
  throw new TypeError(
    `The [Symbol.asyncIterator] of the result returned ${wrongType(steps)}. It must return an iterator, an object with a ` +
      'method next.',
  );
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

/**
 * The next step of a generator or asynchronous iterable.
 *
 * @throws `TypeError` for what is no step, as `for await` does: it would never say that it is the last one
 */
export async function nextStep(steps: Steps): Promise<IteratorResult<unknown, unknown>> {
  const step: unknown = await steps.next();
  if (typeof step === 'object' && step !== null) return step as IteratorResult<unknown, unknown>;
  throw new TypeError(
    `The method next of the result gave ${wrongType(step)}. It must give an object with value and done.`,
  );
}

/** The last value of an observable, `undefined` if it has none. Rejects with its error, or that of its teardown. */
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
 * Subscribes to the observable that a handler returned. The observer gets an error or the end after the teardown has
 * run, and what the teardown throws is an error of the observable: rxjs would throw it at the code that completes the
 * observable, which may be a timer, where it ends the process.
 *
 * @returns how to unsubscribe
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

  /** `subscribe` has returned, and a teardown that it calls at once has run. */
  subscribed(): void {
    this.subscribing = false;
    this.report();
  }

  /** Subscribing or the teardown threw. An error of the observable itself, which came before, takes precedence. */
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

/** Whether the subscriber itself can be given to an observable: to those of rxjs 7, from whichever copy. */
function takesSubscribers(source: ObservableLike): boolean {
  if (source instanceof Observable) return true;
  // Observables of rxjs 6, which would copy the subscriber, have this property.
  return typeof (source as { readonly lift?: unknown }).lift === 'function' && !('_isScalar' in source);
}

function observerOf(subscriber: Subscriber<unknown>): Parameters<ObservableLike['subscribe']>[0] {
  return {
    next: (value) => subscriber.next(value),
    error: (error) => subscriber.error(error),
    complete: () => subscriber.complete(),
  };
}

/** rxjs throws the errors of all teardowns as one; a single one is that of the handler. */
function onlyError(error: unknown): unknown {
  const { name, errors } = (error ?? {}) as { readonly name?: unknown; readonly errors?: readonly unknown[] };
  return name === 'UnsubscriptionError' && errors?.length === 1 ? errors[0] : error;
}

function adopt(thenable: PromiseLike<unknown>, then: PromiseLike<unknown>['then']): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fulfilled = (value: unknown): void => {
      // A native promise would ask it again and again, without end.
      if (value === thenable) reject(new TypeError('The result is a thenable that resolves to itself'));
      else resolve(value);
    };
    then.call(thenable, fulfilled, reject);
  });
}

/** Runs a generator or asynchronous iterable to its end. What it returns, unlike what it yields, is the result. */
export async function runToEnd(
  steps: Steps,
  take: (value: unknown) => unknown = (value) => value,
): Promise<unknown> {
  for (;;) {
    const { done, value } = await nextStep(steps);
    if (done) return finalResult(value);
    try {
      await take(value);
    } catch (error) {
      await steps.return?.();
      throw error;
    }
  }
}

function rejection(error: unknown): Promise<never> {
  return Promise.reject(error);
}
