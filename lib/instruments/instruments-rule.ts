import { hasMethods, listOf, rule } from '../validation/index.js';

/** Whether a value is an instrument. */
export function isInstrument(value: unknown): boolean {
  return hasMethods(value, ['handler']) || hasMethods(value, ['operation']);
}

/** Validates the option `instruments`. */
export const instrumentsRule = listOf(
  rule('an instrument: an object with a method handler or operation', isInstrument),
  'a list of instruments',
);
