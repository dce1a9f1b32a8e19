import { from, mergeMap, type Observable } from 'rxjs';
import {
  finalResult,
  isObservableLike,
  pendingResult,
  stepsOf,
  toObservable,
  type Steps,
} from '../../handlers/index.js';

/** Takes what a handler answers with: either `only`, or any number of `next` and then `complete`, or at any time `fail`. */
export interface AnswerSink {
  /** The one answer. */
  only(value: unknown): void;
  /** One answer of several; where it returns a promise, an iterable waits for it. */
  next(value: unknown): void | Promise<void>;
  /** There are no more answers. */
  complete(): void;
  /** The handler failed. */
  fail(error: unknown): void;
}

/** Ends what still produces answers. */
export type CancelAnswers = () => void;

/**
 * Hands what a handler returned to a sink: a value, or all that an observable, a generator or an asynchronous iterable
 * brings.
 *
 * @returns how to stop it, where it may go on
 */
export function answer(result: unknown, sink: AnswerSink): CancelAnswers | undefined {
  try {
    if (isObservableLike(result)) return subscribe(toObservable(result), sink);
    const steps = stepsOf(result);
    if (steps !== undefined) return iterate(steps, sink);
  } catch (error) {
    sink.fail(error);
    return undefined;
  }
  sink.only(result);
  return undefined;
}

/** Waits until a handler's result has ended; `undefined` if it has already. */
export function completion(result: unknown): Promise<unknown> | undefined {
  const pending = pendingResult(result);
  return pending && finalResult(pending);
}

/** An interceptor turns what a handler returned into an observable's value: so an iterable may be in there. */
function subscribe(source: Observable<unknown>, sink: AnswerSink): CancelAnswers {
  const subscription = source
    .pipe(mergeMap((value) => (isAsyncIterable(value) ? from(value) : [value])))
    .subscribe({
      next: (value) => void sink.next(value),
      error: (error: unknown) => sink.fail(error),
      complete: () => sink.complete(),
    });
  return () => subscription.unsubscribe();
}

function iterate(iterator: Steps, sink: AnswerSink): CancelAnswers {
  let stopped = false;
  const run = async (): Promise<void> => {
    try {
      for (;;) {
        const result = await iterator.next();
        if (stopped) return;
        if (result.done) return sink.complete();
        await sink.next(await result.value);
      }
    } catch (error) {
      if (!stopped) sink.fail(error);
    }
  };
  void run();
  return () => {
    stopped = true;
    // A generator that waits for something ends when that has come; what it throws then concerns nobody.
    void finalResult(iterator.return?.()).catch(() => undefined);
  };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
  );
}
