import { setImmediate } from 'node:timers/promises';
import { Observable, Subscriber, type Observer } from 'rxjs';
import { iteratorOf, nextOf, pendingThenable } from '../../user-code/index.js';

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

/** How many steps may follow one another before other things of the process have their turn. */
const STEPS_IN_A_TURN = 256;

/**
 * The next step of what a handler returned. One that brings its steps without ever waiting does not keep the process from
 * everything else.
 *
 * @throws what it throws; {@link InvalidArgumentError} if it gives something else than a result of an iterator
 */
export async function nextStep(steps: Steps, number: number): Promise<IteratorResult<unknown, unknown>> {
  if (number % STEPS_IN_A_TURN === 0) await setImmediate();
  return nextOf(steps, 'result');
}

/** Runs a generator or asynchronous iterable to its end. What it returns, unlike what it yields, is the result. */
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
      // The result has failed, with this error; that it cannot be closed adds nothing.
      await closeSteps(steps).catch(() => undefined);
      throw error;
    }
  }
}

/** Says that no more steps are wanted; rejects with what comes of that. */
export async function closeSteps(steps: Steps): Promise<unknown> {
  return finalResult(steps.return?.());
}

function rejection(error: unknown): Promise<never> {
  return Promise.reject(error);
}
