import { from, isObservable, mergeMap, type Observable } from 'rxjs';

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
 * Hands what a handler returned to a sink: a value, or all that an observable or an asynchronous iterable brings.
 *
 * @returns how to stop it, where it may go on
 */
export function answer(result: unknown, sink: AnswerSink): CancelAnswers | undefined {
  if (isAsyncIterable(result)) return iterate(result, sink);
  if (isObservable(result)) return subscribe(result, sink);
  sink.only(result);
  return undefined;
}

/** What a handler returned is through: at once, or when an observable or iterable has ended. */
export function completion(result: unknown): Promise<void> | undefined {
  if (!isAsyncIterable(result) && !isObservable(result)) return undefined;
  return new Promise((resolve, reject) => {
    answer(result, { only: () => resolve(), next: () => undefined, complete: resolve, fail: reject });
  });
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

function iterate(source: AsyncIterable<unknown>, sink: AnswerSink): CancelAnswers {
  const iterator = source[Symbol.asyncIterator]();
  let stopped = false;
  const run = async (): Promise<void> => {
    try {
      for (;;) {
        const result = await iterator.next();
        if (stopped) return;
        if (result.done) return sink.complete();
        await sink.next(result.value);
      }
    } catch (error) {
      if (!stopped) sink.fail(error);
    }
  };
  void run();
  return () => {
    stopped = true;
    // A generator that waits for something ends when that has come; what it throws then concerns nobody.
    void iterator.return?.().catch(() => undefined);
  };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
  );
}
