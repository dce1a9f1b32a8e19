import { InvalidArgumentError } from '../errors/index.js';
import { shown } from './arguments.js';

/**
 * Refuses what is not a limit in time: a number of milliseconds, 0 or more, or `Infinity`; `undefined` stands for the default.
 *
 * @throws {@link InvalidArgumentError}
 */
export function checkLimit(option: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw new InvalidArgumentError(
    option,
    `${shown(value)} is not a number of milliseconds, 0 or more, or Infinity`,
  );
}
