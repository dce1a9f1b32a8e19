import { pendingThenable } from './thenables.js';

/**
 * Names the type of a wrong value that a function of the user returned, such as `a promise`.
 *
 * An asynchronous function in place of a synchronous one returns a promise that may reject. The rejection counts as
 * handled, because the caller reports the value itself. Never throws.
 */
export function wrongType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object' && typeof value !== 'function') return `a ${typeof value}`;
  const pending = pendingThenable(value);
  if (pending === undefined) return typeof value === 'function' ? 'a function' : 'an object';
  pending.catch(() => undefined);
  return 'a promise';
}
