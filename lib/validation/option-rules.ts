import { types } from 'node:util';
import { mismatch, unreadable } from './option-problem.js';
import { hidden, printable } from '../reporting/index.js';
import { LONGEST_DURATION, LONGEST_TTL } from '../timing/index.js';
import type { OptionRule } from './known-options.js';

/**
 * Creates a rule.
 *
 * @param wanted the expected value, such as `a whole number`
 * @param accepts whether the value is valid. It may throw, for example for accessors and proxies: the value is then
 * invalid
 */
export function rule(wanted: string, accepts: (value: unknown) => boolean): OptionRule {
  return (value, option) => (accepted(accepts, value) ? [] : [mismatch(option, wanted, value)]);
}

/** Like {@link rule}, for values that must not be shown, such as passwords: errors contain only their type. */
export function secretRule(wanted: string, accepts: (value: unknown) => boolean): OptionRule {
  return (value, option) => (accepted(accepts, value) ? [] : [mismatch(option, wanted, value, hidden)]);
}

/** The same rule for a required option. */
export function required(of: OptionRule): OptionRule {
  return Object.assign((value: unknown, option: string) => of(value, option), { required: true as const });
}

/**
 * A list whose items a rule accepts.
 *
 * @param minimum the minimum number of items
 */
export function listOf(item: OptionRule, wanted: string, minimum = 0): OptionRule {
  return (value, option) => {
    const items = itemsOf(value);
    if (items === undefined || items.length < minimum) return [mismatch(option, wanted, value)];
    return items.flatMap((each, i) => item(each, `${option}[${i}]`));
  };
}

/** One value that a rule accepts, or a list of them. */
export function oneOrMore(item: OptionRule): OptionRule {
  return (value, option) => (itemsOf(value) ?? [value]).flatMap((each) => item(each, option));
}

/** The items of a list, holes included; `undefined` if the value is not a list, or cannot be read. */
export function itemsOf(value: unknown): readonly unknown[] | undefined {
  try {
    return Array.isArray(value) ? Array.from(value as readonly unknown[]) : undefined;
  } catch {
    return undefined;
  }
}

/** A list whose items are checked elsewhere. @param wanted the expected value, such as `a list of modules` */
export function list(wanted: string): OptionRule {
  return rule(wanted, Array.isArray);
}

export const flag = rule('true or false', (value) => typeof value === 'boolean');

export const text = rule('a string', isText);

export const filledText = rule('a non-empty string', (value) => isText(value) && value.trim() !== '');

export const texts = listOf(text, 'a list of strings');

/** An object with names chosen by the caller, and string values. */
export const pairs: OptionRule = (value, option) => {
  try {
    if (!isObject(value)) return [mismatch(option, 'an object whose values are strings', value)];
    return Object.entries(value).flatMap(([name, each]) => text(each, `${option}.${printable(name)}`));
  } catch (error) {
    return [unreadable(option, error)];
  }
};

export const validDate = rule(
  'a valid Date between the years 1678 and 2262',
  (value) => value instanceof Date && Math.abs(value.getTime()) <= LONGEST_DURATION,
);

/** An object that can be sent to the server as JSON. */
export const rawFields = rule('an object that can be converted to JSON', (value) => {
  if (!isObject(value)) return false;
  JSON.stringify(value);
  return true;
});

/** The name of a stream, consumer or bucket. */
export const resourceName = rule(
  'a name without spaces, ".", "*", ">", "/" and "\\"',
  (value) => isText(value) && /^[^\s.*>/\\\p{Cc}\p{Cs}]+$/u.test(value),
);

export const subjectRule = rule(
  'a subject',
  (value) => isText(value) && /^[^\s.\p{Cc}\p{Cs}]+(\.[^\s.\p{Cc}\p{Cs}]+)*$/u.test(value),
);

/** The name of a queue group. */
export const queueName = rule(
  'a name without spaces',
  (value) => isText(value) && /^[^\s\p{Cc}\p{Cs}]+$/u.test(value),
);

/** A number that is checked further elsewhere. */
export const finiteNumber = rule('a number', (value) => Number.isFinite(value));

/** A whole number. */
export function count(minimum = 1, maximum = Infinity): OptionRule {
  const bounds = maximum === Infinity ? `, ${minimum} or more` : ` from ${minimum} to ${maximum}`;
  const accepts = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= minimum;
  const wanted = `a whole number${bounds}`;
  return (value, option) => {
    if (accepts(value) && (value as number) <= maximum) return [];
    const advice = typeof value === 'number' && value > maximum ? ': use a smaller number' : '';
    const { sentence, reason } = mismatch(option, wanted, value);
    return [{ option, sentence: `${sentence}${advice}`, reason: `${reason}${advice}` }];
  };
}

/** A limit of the server: a whole number, or -1 for none. */
export const limit = rule(
  'a whole number, or -1 for no limit',
  (value) => Number.isSafeInteger(value) && (value as number) >= -1,
);

/** A duration in milliseconds that is measured by this library: it has no upper limit. */
export function duration(minimum = 0): OptionRule {
  return rule(`a number of milliseconds, ${minimum} or more`, (value) => isFiniteFrom(value, minimum));
}

/** A duration in milliseconds that is measured by the server. */
export function serverDuration(minimum = 0): OptionRule {
  return bounded(
    duration(minimum),
    LONGEST_DURATION,
    'about 292 years, the longest duration that servers support',
  );
}

/** The time to live of a single message, in milliseconds. */
export function serverTtl(minimum = 0): OptionRule {
  return bounded(
    duration(minimum),
    LONGEST_TTL,
    '200 years, the longest time for which servers can keep a message',
  );
}

/** A time limit, in milliseconds. */
export const timeLimit = rule(
  'a number of milliseconds, 0 or more, or Infinity',
  (value) => typeof value === 'number' && value >= 0,
);

/** A time limit above zero. */
export const positiveTimeLimit = rule(
  'a number of milliseconds above 0, or Infinity',
  (value) => typeof value === 'number' && value > 0,
);

export const positiveDuration = rule(
  'a number of milliseconds above 0',
  (value) => isFiniteFrom(value, 0) && value !== 0,
);

/** A ratio: above 0, up to 1. */
export const share = rule(
  'a number above 0 and up to 1',
  (value) => isFiniteFrom(value, 0) && value !== 0 && value <= 1,
);

export function oneOf(values: readonly string[]): OptionRule {
  return rule(`one of ${values.map((each) => JSON.stringify(each)).join(', ')}`, (value) =>
    values.includes(value as string),
  );
}

/** @param what for example `a function of the error` */
export function functionRule(what: string): OptionRule {
  return rule(what, (value) => typeof value === 'function');
}

/** An object with all these methods. @param what for example `a codec: an object with the methods encode and decode` */
export function objectWith(methods: readonly string[], what: string): OptionRule {
  return rule(what, (value) => hasMethods(value, methods));
}

const HEADER_NAME = /^[!-9;-~]+$/;

/** Whether a value is a valid header name: printable ASCII without blanks and colons, according to RFC 822. */
export function isHeaderName(value: unknown): value is string {
  return isText(value) && HEADER_NAME.test(value);
}

/** Whether a value is an object, or function, with all these methods. */
export function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return methods.every(
    (method) => typeof (value as Readonly<Record<string, unknown>>)[method] === 'function',
  );
}

/**
 * Whether a value is an object that can contain options: not a function, a list, or another built-in object with
 * internal state. A promise of options, which is often a missing `await`, would seem to have no options.
 */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (types.isMap(value) || types.isSet(value) || types.isDate(value) || ArrayBuffer.isView(value))
    return false;
  return typeof (value as { readonly then?: unknown }).then !== 'function';
}

function accepted(accepts: (value: unknown) => boolean, value: unknown): boolean {
  try {
    return accepts(value);
  } catch {
    return false;
  }
}

function bounded(of: OptionRule, most: number, why: string): OptionRule {
  return (value, option) => {
    const problems = of(value, option);
    if (problems.length > 0 || (value as number) <= most) return problems;
    return [mismatch(option, `at most ${most} milliseconds, ${why}`, value)];
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isFiniteFrom(value: unknown, minimum: number): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= minimum;
}
