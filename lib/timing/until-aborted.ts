import { onAbort, throwIfAborted } from '../user-code/index.js';

/**
 * Waits for a promise, or until a signal is aborted: it then rejects with the signal's reason immediately, and the
 * outcome of the promise is ignored.
 */
export function untilAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    // The promise has a listener even if the signal ends the wait first.
    promise.then(resolve, reject);
    throwIfAborted(signal);
    const callOff = onAbort(signal, reject);
    promise.then(callOff, callOff);
  });
}
