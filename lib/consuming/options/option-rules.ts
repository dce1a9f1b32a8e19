import { isStandardSchema } from '../../contracts/index.js';
import { hasMethods, isHeaderName, rule } from '../../validation/index.js';

/** A class of errors, or several. An arrow function is not allowed because it cannot have instances. */
export const errorClass = rule('a class of errors, or a list of them', (value) => {
  const classes: readonly unknown[] = Array.isArray(value) ? value : [value];
  return classes.length > 0 && classes.every(isClass);
});

export const maxDeliver = rule(
  'a whole number, 1 or more, or Infinity',
  (value) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1),
);

export const jitter = rule(
  'a number from 0 to 1',
  (value) => typeof value === 'number' && value >= 0 && value <= 1,
);

export const orderBy = rule(
  'a function of the message, or the position of a token of the subject, 0 or more',
  (value) => typeof value === 'function' || (Number.isSafeInteger(value) && (value as number) >= 0),
);

export const schemaRule = rule(
  'a Standard Schema, such as those of zod, valibot and arktype',
  isStandardSchema,
);

export const settlementRule = rule(
  'an object with onStart, onSuccess and onFailure, such as a MessageSettlement, an interceptor, or a class of either',
  (value) => {
    const object: unknown = typeof value === 'function' ? value.prototype : value;
    return hasMethods(object, ['intercept']) || hasMethods(object, ['onStart', 'onSuccess', 'onFailure']);
  },
);

/**
 * The deliver subject of a push consumer: it must not be a subject of the JetStream API or another reserved subject of
 * the server.
 */
export const deliverSubject = rule(
  'a subject without wildcards that does not begin with "$", which is reserved for the server',
  (value) =>
    typeof value === 'string' &&
    /^(?!\$)[^\s.\p{Cc}\p{Cs}]+(\.[^\s.\p{Cc}\p{Cs}]+)*$/u.test(value) &&
    !/(^|\.)[*>](\.|$)/.test(value),
);

export const bucketName = rule(
  'a name of letters, digits, "-" and "_"',
  (value) => typeof value === 'string' && /^[\w-]+$/.test(value),
);

export const idempotenceKey = rule(
  'a function or the name of a header',
  (value) => typeof value === 'function' || isHeaderName(value),
);

export const priority = rule(
  'a whole number from 0 to 9',
  (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 9,
);

export const sampleFrequency = rule(
  'a percentage, such as "50%"',
  (value) => typeof value === 'string' && /^\d{1,3}%?$/.test(value) && Number.parseInt(value, 10) <= 100,
);

function isClass(value: unknown): boolean {
  if (typeof value !== 'function') return false;
  const prototype: unknown = value.prototype;
  // A bound class has no prototype of its own, but `instanceof` works with it.
  return (typeof prototype === 'object' && prototype !== null) || /^bound [A-Z]/.test(value.name);
}
