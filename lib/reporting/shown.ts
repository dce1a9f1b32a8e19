import { types } from 'node:util';
import { printable } from './error-text.js';

/** Longer texts are truncated, in characters. */
const LONGEST_TEXT = 200;

/**
 * A value in the form that errors show: short, on one line, and without the content of objects, which may be large or
 * secret. Never throws, and calls no code of the value.
 */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return printable(
        JSON.stringify(value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value),
      );
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : objectText(value);
    default:
      return printable(String(value));
  }
}

/** Like {@link shown}, for values that may be secret: only the type of texts and numbers is shown. */
export function hidden(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (Number.isFinite(value)) return 'a number';
  return typeof value === 'bigint' || typeof value === 'symbol' ? `a ${typeof value}` : shown(value);
}

/** A value that should be a name, for errors about names. */
export function nameText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : shown(value);
}

function objectText(value: object): string {
  // Even checking whether a revoked proxy is an array throws.
  if (types.isProxy(value)) return 'a proxy';
  if (types.isDate(value)) {
    return Number.isNaN(Date.prototype.getTime.call(value)) ? 'an invalid Date' : 'a Date';
  }
  if (types.isMap(value)) return 'a Map';
  if (types.isSet(value)) return 'a Set';
  if (types.isPromise(value)) return 'a promise';
  if (!Array.isArray(value)) return 'an object';
  return value.length === 0 ? 'an empty array' : 'an array';
}

/** A number of things, such as `1 message` or `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
