import { InvalidArgumentError } from '../errors/index.js';
import { errorText, toError } from '../reporting/index.js';
import { wrongType } from './wrong-type.js';

/**
 * Rejects values that are not an `AbortSignal`, such as its controller. It may come from another realm, or from a
 * polyfill.
 *
 * @throws {@link InvalidArgumentError}
 */
export function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  try {
    const { aborted, addEventListener, removeEventListener } = signal as Partial<AbortSignal>;
    if (
      typeof aborted === 'boolean' &&
      typeof addEventListener === 'function' &&
      typeof removeEventListener === 'function'
    )
      return;
  } catch (cause) {
    throw unreadable(cause);
  }
  throw new InvalidArgumentError('signal', `${wrongType(signal)} is not an AbortSignal`);
}

/** The reason of an aborted signal, as an error; `undefined` if it is not aborted. Never throws. */
export function abortError(signal: AbortSignal | undefined): Error | undefined {
  try {
    return signal?.aborted === true ? toError(reasonOf(signal)) : undefined;
  } catch (cause) {
    return unreadable(cause);
  }
}

/** @throws the reason of the signal, unchanged, if it is aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal);
}

/**
 * Calls back with the reason when a signal of the user is aborted, but not if it is already aborted.
 *
 * @param act must not throw
 * @returns removes the callback; never throws
 * @throws {@link InvalidArgumentError} if the signal cannot be listened to
 */
export function onAbort(signal: AbortSignal, act: (reason: unknown) => void): () => void {
  const listener = (): void => act(reasonOf(signal));
  try {
    signal.addEventListener('abort', listener, { once: true });
  } catch (cause) {
    throw unreadable(cause);
  }
  return () => {
    try {
      signal.removeEventListener('abort', listener);
    } catch {
      // The wait is over anyway; the listener has no effect any more.
    }
  };
}

function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (cause) {
    return unreadable(cause);
  }
}

function unreadable(cause: unknown): InvalidArgumentError {
  return new InvalidArgumentError('signal', `it cannot be used: ${errorText(cause)}`, { cause });
}
