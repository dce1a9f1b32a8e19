import { from, mergeMap, type Observable } from 'rxjs';
import {
  closeSteps,
  finalResult,
  isObservableLike,
  nextStep,
  pendingResult,
  type Steps,
  stepsOf,
  toObservable,
} from '../../consuming/index.js';

/**
 * Receives the answers of a handler: either `only`, or any number of `next` and then `complete`, or at any time `fail`.
 * Its methods must not throw, because they run inside the user's observables and iterables.
 */
export interface AnswerSink {
  /** The single answer. */
  only(value: unknown): void;
  /** One answer of several; an iterable waits for the returned promise, if any. */
  next(value: unknown): void | Promise<void>;
  /** There are no more answers. */
  complete(): void;
  /** The handler failed. */
  fail(error: unknown): void;
  /** The producer of the answers failed after it was stopped. */
  failStopped(error: unknown): void;
}

/**
 * Stops the producer of answers; returns a promise of its end if that takes time. Never throws, and the promise never
 * rejects.
 */
export type CancelAnswers = () => Promise<unknown> | undefined;

/**
 * Passes the result of a handler to a sink: a value, or all values of an observable, a generator or an asynchronous
 * iterable. It never throws: errors of the user's code are passed to the sink.
 *
 * @returns the function that stops it, if it may continue
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
  return pendingResult(result)?.then(completionOfLast);
}

/** The last value of a result may itself be pending. */
function completionOfLast(value: unknown): unknown {
  const pending = pendingResult(value);
  return pending && finalResult(pending);
}

/** An interceptor wraps the handler's result in an observable, so a value of it may be an iterable. */
function subscribe(source: Observable<unknown>, sink: AnswerSink): CancelAnswers {
  const running = new Set<Promise<void>>();
  const began = (): (() => void) => {
    let onEnd = (): void => undefined;
    const ended = new Promise<void>((resolve) => (onEnd = resolve));
    running.add(ended);
    return () => {
      running.delete(ended);
      onEnd();
    };
  };
  const subscription = source
    .pipe(
      mergeMap((value) => {
        const steps = stepsOf(value);
        if (steps === undefined) return [value];
        return from(valuesOf(steps, began()));
      }),
    )
    .subscribe({
      next: (value) => void sink.next(value),
      error: (error: unknown) => sink.fail(error),
      complete: () => sink.complete(),
    });
  return () => {
    try {
      subscription.unsubscribe();
    } catch (error) {
      sink.failStopped(error);
    }
    return running.size > 0 ? Promise.all(running) : undefined;
  };
}

function iterate(iterator: Steps, sink: AnswerSink): CancelAnswers {
  let stopped = false;
  const run = async (): Promise<void> => {
    try {
      for (let number = 1; ; number++) {
        const result = await nextStep(iterator, number);
        if (stopped) return;
        if (result.done) return sink.complete();
        await sink.next(await result.value);
      }
    } catch (error) {
      if (stopped) sink.failStopped(error);
      else sink.fail(error);
    }
  };
  // A generator that is waiting ends only when its wait is over.
  const stop = async (): Promise<void> => {
    stopped = true;
    try {
      await closeSteps(iterator);
    } catch (error) {
      sink.failStopped(error);
    }
  };
  const ended = run();
  return () => Promise.all([stop(), ended]);
}

/** The steps of a generator or iterable, in the form that rxjs accepts. */
async function* valuesOf(steps: Steps, onEnd: () => void): AsyncGenerator {
  try {
    for (let number = 1; ; number++) {
      const result = await nextStep(steps, number);
      if (result.done) return;
      yield await result.value;
    }
  } finally {
    try {
      await closeSteps(steps);
    } finally {
      onEnd();
    }
  }
}
