import { InvalidArgumentError } from '../errors/index.js';

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
  const { signal } = options as { readonly signal?: unknown };
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new InvalidArgumentError('signal', `${shown(signal)} is not an AbortSignal`);
  }
  return options;
}

/** @throws {@link InvalidArgumentError} */
export function checkObject(argument: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError(argument, `${shown(value)} is not an object`);
  }
}

function isAbortSignal(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<AbortSignal>).aborted === 'boolean' &&
    typeof (value as Partial<AbortSignal>).addEventListener === 'function' &&
    typeof (value as Partial<AbortSignal>).removeEventListener === 'function'
  );
}
