import { pendingThenable } from './thenables.js';

/**
 * Names the type of a value that a function of the user returned instead of the right one, such as `a promise`.
 *
 * An asynchronous function where a synchronous one is asked for returns a promise that may reject: its rejection counts as
 * handled from then on, since the caller reports the value itself. Never throws.
 */
export function wrongType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object' && typeof value !== 'function') return `a ${typeof value}`;
  const pending = pendingThenable(value);
  if (pending === undefined) return typeof value === 'function' ? 'a function' : 'an object';
  pending.catch(() => undefined);
  return 'a promise';
}
