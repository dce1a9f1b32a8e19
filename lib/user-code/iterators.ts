import type { Readable } from 'node:stream';
import { InvalidArgumentError } from '../errors/index.js';
import { pendingThenable } from './thenables.js';
import { wrongType } from './wrong-type.js';

/** An iterator of the user, which is asked for one result after another. */
export interface UserIterator<T> {
  /**
   * Resolves with the next result; rejects with the error of the iterator.
   *
   * @throws {@link InvalidArgumentError}, as a rejection, if the iterator returns something other than a result
   */
  next(): Promise<IteratorResult<T, unknown>>;
  /** Closes the iterator; rejects with its error. The promise may never settle. */
  close(): Promise<unknown>;
}

/**
 * Opens an asynchronous iterable of the user.
 *
 * @param argument its name in errors
 * @throws {@link InvalidArgumentError} if it has no iterator; and the error of the iterable
 */
export function openIterator<T>(source: AsyncIterable<T>, argument: string): UserIterator<T> {
  const iterator = iteratorOf(source, argument);
  return {
    next: () => nextOf(iterator, argument),
    close: async () => {
      const closing: unknown = iterator.return?.();
      return pendingThenable(closing);
    },
  };
}

/**
 * The iterator of an asynchronous iterable of the user.
 *
 * @param argument the name of the iterable in errors
 * @throws {@link InvalidArgumentError} if it has no iterator; and the error of the iterable
 */
export function iteratorOf<T>(source: AsyncIterable<T>, argument: string): AsyncIterator<T> {
  const iterator = checkIterator(source[Symbol.asyncIterator](), argument, 'Symbol.asyncIterator');
  hearErrors(source);
  return iterator;
}

/**
 * The iterator of a stream listens to its errors only from the first `next` on, and then also reports earlier errors.
 * Until then, an error without a listener, such as that of a missing file, would end the process.
 */
function hearErrors(source: object): void {
  const { on, destroy } = source as Partial<Readable>;
  if (typeof on === 'function' && typeof destroy === 'function') on.call(source, 'error', () => undefined);
}

/**
 * Requests the next result of an iterator of the user, which may be synchronous.
 *
 * @param argument its name in errors
 * @throws the error of the iterator; {@link InvalidArgumentError} if it returns something other than a result
 */
export async function nextOf<T>(
  iterator: AsyncIterator<T, unknown> | Iterator<T, unknown>,
  argument: string,
): Promise<IteratorResult<T, unknown>> {
  const given: unknown = iterator.next();
  return checkResult(await (pendingThenable(given) ?? given), argument);
}

/**
 * An iterable of the user whose iterator is checked while it is iterated over.
 *
 * @param argument its name in errors
 */
export function checkedIterable<T>(source: Iterable<T>, argument: string): Iterable<T> {
  return {
    [Symbol.iterator]: () => {
      const iterator = checkIterator(source[Symbol.iterator](), argument, 'Symbol.iterator');
      return {
        next: () => checkResult(iterator.next(), argument),
        return: () => {
          // The loop has already ended; its outcome counts, not that of this call.
          wrongType(iterator.return?.());
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** @throws {@link InvalidArgumentError} if it is not an iterator */
function checkIterator<I extends { readonly next: unknown }>(iterator: I, argument: string, made: string): I {
  const given: unknown = iterator;
  if (isObject(given) && typeof (given as Partial<I>).next === 'function') return iterator;
  throw new InvalidArgumentError(
    argument,
    `its [${made}]() returned ${wrongType(given)}, which is not an iterator`,
  );
}

/** @throws {@link InvalidArgumentError} if it is not an iterator result, for example if it is a promise of one */
function checkResult<T>(result: unknown, argument: string): IteratorResult<T> {
  const pending = pendingThenable(result);
  if (isObject(result) && pending === undefined) return result as IteratorResult<T>;
  pending?.catch(() => undefined);
  throw new InvalidArgumentError(argument, `its iterator returned ${wrongType(result)} instead of a result`);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
