import { types } from 'node:util';
import { InvalidArgumentError } from '../errors/index.js';
import { errorText, isInstance, shown } from '../reporting/index.js';
import { checkedIterable } from '../user-code/index.js';

/**
 * @throws {@link InvalidArgumentError} if it is not an object, or a proxy that cannot be read; functions are not
 * accepted
 */
export function checkObject(argument: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError(argument, `${shown(value)} is not an object`);
  }
  if (!types.isProxy(value)) return;
  try {
    Object.entries(value);
  } catch (cause) {
    throw new InvalidArgumentError(argument, `it cannot be read: ${errorText(cause)}`, { cause });
  }
}

/** Whether it is an array; `false` for a revoked proxy. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** @throws {@link InvalidArgumentError} if it is not a function */
export function checkFunction(argument: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new InvalidArgumentError(argument, `${shown(value)} is not a function`);
}

/**
 * @throws {@link InvalidArgumentError} if a required member is not a function, or an optional one is neither a function
 * nor omitted
 */
export function checkCallbacks<T extends object>(
  owner: T,
  required: readonly (keyof T & string)[],
  optional: readonly (keyof T & string)[],
): void {
  for (const name of required) checkFunction(name, readable(owner, name));
  for (const name of optional) {
    const callback = readable(owner, name);
    if (callback !== undefined) checkFunction(name, callback);
  }
}

/** @throws {@link InvalidArgumentError} if an accessor throws */
function readable<T extends object>(owner: T, name: keyof T & string): unknown {
  try {
    return owner[name];
  } catch (cause) {
    throw new InvalidArgumentError(name, `it cannot be read: ${errorText(cause)}`, { cause });
  }
}

/** @throws {@link InvalidArgumentError} if it is neither `true` nor `false` */
export function checkBoolean(argument: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw new InvalidArgumentError(argument, `${shown(value)} is not true or false`);
}

/** @throws {@link InvalidArgumentError} if it is not text */
export function checkText(argument: string, value: unknown): void {
  if (typeof value !== 'string') throw new InvalidArgumentError(argument, `${shown(value)} is not a string`);
}

/** @throws {@link InvalidArgumentError} if it is neither omitted nor text */
export function checkOptionalText(argument: string, value: unknown): void {
  if (value !== undefined) checkText(argument, value);
}

/** @throws {@link InvalidArgumentError} if it is not a whole number of at least `least` */
export function checkWholeNumber(argument: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new InvalidArgumentError(argument, `${shown(value)} is not a whole number of at least ${least}`);
}

/** @throws {@link InvalidArgumentError} if it is not a valid `Date` */
export function checkDate(argument: string, value: unknown): void {
  if (types.isDate(value) && !Number.isNaN(value.getTime())) return;
  throw new InvalidArgumentError(argument, `${shown(value)} is not a valid Date`);
}

/** @throws {@link InvalidArgumentError} if it is not a positive number; `Infinity` is allowed */
export function checkDuration(option: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new InvalidArgumentError(option, `${shown(value)} is not a positive number of milliseconds`);
  }
  return value;
}

/** @throws {@link InvalidArgumentError} if it is neither one text nor an iterable of texts, such as a list */
export function textsOf(argument: string, value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (isArray(value)) return value as readonly string[];
  const texts: string[] = [];
  try {
    if (typeof (value as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] === 'function') {
      for (const text of checkedIterable(value as Iterable<string>, argument)) {
        checkText(argument, text);
        texts.push(text);
      }
      return texts;
    }
  } catch (cause) {
    if (isInstance(cause, InvalidArgumentError)) throw cause;
    throw new InvalidArgumentError(argument, `it cannot be iterated over: ${errorText(cause)}`, { cause });
  }
  throw new InvalidArgumentError(argument, `${shown(value)} is neither a string nor a list of strings`);
}
