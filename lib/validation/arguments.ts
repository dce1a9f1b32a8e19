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

/** @throws {@link InvalidArgumentError} if it is not a whole number from `least` to `most` */
export function checkWholeNumber(
  argument: string,
  value: unknown,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
  const bounds = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new InvalidArgumentError(argument, `${shown(value)} is not a whole number ${bounds}`);
}

/** @throws {@link InvalidArgumentError} if it is not a valid `Date` */
export function checkDate(argument: string, value: unknown): void {
  if (types.isDate(value) && !Number.isNaN(value.getTime())) return;
  throw new InvalidArgumentError(argument, `${shown(value)} is not a valid Date`);
}

/** The bounds of a number of milliseconds. */
export interface MillisecondsBounds {
  /** Default: 0, included. */
  readonly least?: number;
  /** Whether `least` itself is excluded. Default `false`. */
  readonly exclusive?: boolean;
  /** Default: `Infinity`, included. */
  readonly most?: number;
}

/** Above 0; `Infinity` is allowed. */
export const ABOVE_ZERO: MillisecondsBounds = { exclusive: true };
/** At least 0, not `Infinity`. */
export const FINITE: MillisecondsBounds = { most: Number.MAX_VALUE };

/** @throws {@link InvalidArgumentError} if it is not a number within the bounds, which may have a fraction */
export function checkMilliseconds(
  argument: string,
  value: unknown,
  { least = 0, exclusive = false, most = Infinity }: MillisecondsBounds,
): number {
  if (typeof value === 'number' && (exclusive ? value > least : value >= least) && value <= most)
    return value;
  const above = exclusive ? ` above ${least}` : ` of at least ${least}`;
  const bounds = most < Number.MAX_VALUE ? ` from ${least} to ${most}` : above;
  throw new InvalidArgumentError(argument, `${shown(value)} is not a number of milliseconds${bounds}`);
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

/** The error for two arguments that exclude each other. */
export function notTogether(argument: string, other: string): InvalidArgumentError {
  return new InvalidArgumentError(argument, `it cannot be combined with ${other}; set only one of them`);
}
