import { onAbort, throwIfAborted } from '../user-code/index.js';

/**
 * Waits for a promise, but no longer than until a signal is aborted: then it rejects with the signal's reason at once, and
 * the outcome of the promise is ignored.
 */
export function untilAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    // It has a listener also if the signal ends this first.
    promise.then(resolve, reject);
    throwIfAborted(signal);
    const callOff = onAbort(signal, reject);
    promise.then(callOff, callOff);
  });
}
