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

/** The errors whose reasons are not errors. */
const wrapped = new WeakMap<Error, { readonly reason: unknown }>();

/**
 * The reason of a signal as an `Error`, for callbacks and properties of that type. A call rejects with the reason
 * itself: see {@link rejectionOf}.
 */
export function reasonError(reason: unknown): Error {
  const error = toError(reason);
  if (error !== reason) wrapped.set(error, { reason });
  return error;
}

/** The value that a call rejects with: the error, or the reason of an aborted signal, unchanged. */
export function rejectionOf(error: Error): unknown {
  const reasoned = wrapped.get(error);
  return reasoned ? reasoned.reason : error;
}

/** The reason of an aborted signal, as an error; `undefined` if it is not aborted. Never throws. */
export function abortError(signal: AbortSignal | undefined): Error | undefined {
  try {
    return signal?.aborted === true ? reasonError(reasonOf(signal)) : undefined;
  } catch (cause) {
    return unreadable(cause);
  }
}

/** @throws the reason of the signal, unchanged, if it is aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal);
}

interface Group {
  readonly callbacks: Set<(reason: unknown) => void>;
  readonly forget: () => void;
}

/**
 * The callbacks of each signal, with one listener for all of them: Node warns of a leak if one signal, such as that of
 * a shutdown, has more than ten listeners.
 */
const groups = new WeakMap<AbortSignal, Group>();

/**
 * Calls back with the reason when a signal of the user is aborted, but not if it is already aborted.
 *
 * @param act must not throw
 * @returns removes the callback; never throws
 * @throws {@link InvalidArgumentError} if the signal cannot be listened to
 */
export function onAbort(signal: AbortSignal, act: (reason: unknown) => void): () => void {
  const { callbacks, forget } = groups.get(signal) ?? newGroup(signal);
  // Several calls may share a function.
  const callback = (reason: unknown): void => act(reason);
  callbacks.add(callback);
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0) forget();
  };
}

function newGroup(signal: AbortSignal): Group {
  const callbacks: Group['callbacks'] = new Set();
  const listener = (): void => {
    const reason = reasonOf(signal);
    for (const callback of callbacks) callback(reason);
  };
  try {
    signal.addEventListener('abort', listener, { once: true });
  } catch (cause) {
    throw unreadable(cause);
  }
  const forget = (): void => {
    groups.delete(signal);
    try {
      signal.removeEventListener('abort', listener);
    } catch {
      // Nothing waits any more; the listener has no effect.
    }
  };
  const group = { callbacks, forget };
  groups.set(signal, group);
  return group;
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
