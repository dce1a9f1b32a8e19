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
 * Takes what a handler answers with: either `only`, or any number of `next` and then `complete`, or at any time `fail`. Its
 * methods must not throw: they run inside the user's observables and iterables.
 */
export interface AnswerSink {
  /** The one answer. */
  only(value: unknown): void;
  /** One answer of several; an iterable waits for the promise that it returns, if any. */
  next(value: unknown): void | Promise<void>;
  /** There are no more answers. */
  complete(): void;
  /** The handler failed. */
  fail(error: unknown): void;
  /** What produced the answers failed after it was stopped. */
  failStopped(error: unknown): void;
}

/** Ends what still produces answers; a promise of its end, if it goes on for a while. Never throws, and the promise never rejects. */
export type CancelAnswers = () => Promise<unknown> | undefined;

/**
 * Hands what a handler returned to a sink: a value, or all that an observable, a generator or an asynchronous iterable
 * brings. It never throws: what the user's code throws is given to the sink.
 *
 * @returns how to stop it, if it may go on
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

/** What a result came to may be pending itself. */
function completionOfLast(value: unknown): unknown {
  const pending = pendingResult(value);
  return pending && finalResult(pending);
}

/** An interceptor makes an observable of what the handler returned, so that its value may be an iterable. */
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
  // A generator that waits for something ends when that has come.
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

/** The steps of a generator or iterable, as rxjs takes them. */
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
