import { InvalidArgumentError } from '../errors/index.js';
import { checkSignal } from '../user-code/index.js';

/** An argument as an error shows it, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 200));
  if (value === null || typeof value !== 'object') return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}

/** @throws {@link InvalidArgumentError} if it is not a positive number; `Infinity` is one */
export function checkDuration(option: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new InvalidArgumentError(option, `${shown(value)} is not a positive number of milliseconds`);
  }
  return value;
}

/** @throws {@link InvalidArgumentError} if options are not an object, or `signal` is not an `AbortSignal` */
export function checkOptions<T extends object>(options: T): T {
  checkObject('options', options);
  checkSignal((options as { readonly signal?: unknown }).signal);
  return options;
}

/** @throws {@link InvalidArgumentError} */
export function checkObject(argument: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError(argument, `${shown(value)} is not an object`);
  }
}
