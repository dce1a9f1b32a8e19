import { InvalidArgumentError } from '../../errors/index.js';
import { shown } from '../../reporting/index.js';
import { fromNanos, fromTime, toNanos, toTime } from '../../timing/index.js';
import { checkWholeNumber } from '../../validation/index.js';

/**
 * Converts one option between its own form and the wire format. Each type has a table of fields with the wire name,
 * unit and check of each option. Only these tables contain the server's names and nanoseconds.
 */
export interface Field<V> {
  /** The server's name. */
  readonly wire: string;
  /** Checks a value and converts it to the wire format. `option` is its name for errors. */
  encode(value: V, option: string): unknown;
  /** Converts a value from the wire format; `undefined` if it stands for "not set". */
  decode(value: unknown): V | undefined;
}

/** One field for each option of `T` except `raw`. */
export type Fields<T> = {
  readonly [K in Exclude<keyof T, 'raw'>]-?: Field<NonNullable<T[K]>>;
};

/** Fields of the server that this version does not know, under the server's own names. */
export type RawFields = Readonly<Record<string, unknown>>;

/**
 * Converts options to the wire format. Options that are `undefined` are omitted; `raw` is applied last and takes
 * precedence.
 *
 * @throws {@link InvalidArgumentError} if a value is invalid or an option is unknown
 */
export function encodeFields<T extends { readonly raw?: RawFields | undefined }>(
  fields: Fields<T>,
  options: T,
  path = '',
): Record<string, unknown> {
  const wire: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || name === 'raw') continue;
    const field = fieldOf(fields, name);
    if (!field) {
      throw new InvalidArgumentError(
        path + name,
        'there is no such option; put fields that only the server knows into "raw"',
      );
    }
    wire[field.wire] = field.encode(value, path + name);
  }
  return { ...wire, ...options.raw };
}

/** Converts the wire format to options; fields without an entry in the table go to `raw`. */
export function decodeFields<T extends { readonly raw?: RawFields | undefined }>(
  fields: Fields<T>,
  wire: Readonly<Record<string, unknown>>,
): Partial<T> {
  const rest = { ...wire };
  const options: Record<string, unknown> = {};
  for (const [name, field] of Object.entries<Field<unknown>>(fields)) {
    const value = wire[field.wire];
    delete rest[field.wire];
    const decoded = value === undefined || value === null ? undefined : field.decode(value);
    if (decoded !== undefined) options[name] = decoded;
  }
  if (Object.keys(rest).length > 0) options.raw = rest;
  return options as Partial<T>;
}

function fieldOf<T>(fields: Fields<T>, name: string): Field<unknown> | undefined {
  return Object.hasOwn(fields, name) ? (fields as Readonly<Record<string, Field<unknown>>>)[name] : undefined;
}

/** Text. */
export function text(wire: string): Field<string> {
  return {
    wire,
    encode: (value, option) => {
      if (typeof value !== 'string')
        throw new InvalidArgumentError(option, `${shown(value)} is not a string`);
      return value;
    },
    decode: (value) => (value === '' ? undefined : String(value)),
  };
}

/** `true` or `false`. */
export function flag(wire: string): Field<boolean> {
  return {
    wire,
    encode: (value, option) => {
      if (typeof value !== 'boolean')
        throw new InvalidArgumentError(option, `${shown(value)} is not true or false`);
      return value;
    },
    decode: (value) => value === true,
  };
}

/** A whole number of at least `min`. */
export function count(wire: string, min = 0): Field<number> {
  return {
    wire,
    encode: (value, option) => {
      checkWholeNumber(option, value, min);
      return value;
    },
    decode: Number,
  };
}

/** A limit: a whole number, -1 for none. */
export function limit(wire: string): Field<number> {
  return {
    wire,
    encode: (value, option) => {
      if (!Number.isSafeInteger(value) || value < -1) {
        throw new InvalidArgumentError(option, `${shown(value)} is not a whole number, or -1 for no limit`);
      }
      return value;
    },
    decode: Number,
  };
}

/** Milliseconds in options, nanoseconds on the wire. */
export function duration(wire: string): Field<number> {
  return { wire, encode: toNanos, decode: fromNanos };
}

/** A list of durations. */
export function durations(wire: string): Field<readonly number[]> {
  return {
    wire,
    encode: (values, option) => list(values, option).map((value, i) => toNanos(value, `${option}[${i}]`)),
    decode: (values) => (values as readonly unknown[]).map(fromNanos),
  };
}

/** A `Date` in options, an RFC 3339 time on the wire. */
export function date(wire: string): Field<Date> {
  return { wire, encode: toTime, decode: fromTime };
}

/** One of the given texts. Unknown values from newer servers are accepted when decoding. */
export function choice<V extends string>(wire: string, values: Readonly<Record<string, V>>): Field<V> {
  return {
    wire,
    encode: (value, option) => {
      const allowed = Object.values(values);
      if (!allowed.includes(value)) {
        throw new InvalidArgumentError(option, `${shown(value)} is not one of ${allowed.join(', ')}`);
      }
      return value;
    },
    decode: (value) => (value === '' ? undefined : (value as V)),
  };
}

/** A list of texts, each checked by `check`. */
export function texts(wire: string, check: (value: string) => void = () => {}): Field<readonly string[]> {
  return {
    wire,
    encode: (values, option) => {
      for (const value of list(values, option)) {
        if (typeof value !== 'string')
          throw new InvalidArgumentError(option, `${shown(value)} is not a string`);
        check(value);
      }
      return values;
    },
    decode: (values) => values as readonly string[],
  };
}

/** Pairs of texts. */
export function pairs(wire: string): Field<Readonly<Record<string, string>>> {
  return {
    wire,
    encode: (value, option) => {
      for (const [key, item] of Object.entries(record(value, option))) {
        if (typeof item !== 'string') {
          throw new InvalidArgumentError(`${option}.${key}`, `${shown(item)} is not a string`);
        }
      }
      return value;
    },
    decode: (value) => value as Readonly<Record<string, string>>,
  };
}

/** Nested options. */
export function object<T extends { readonly raw?: RawFields | undefined }>(
  wire: string,
  fields: Fields<T>,
): Field<T> {
  return {
    wire,
    encode: (value, option) => encodeFields(fields, record(value, option), `${option}.`),
    decode: (value) => {
      const decoded = decodeFields(fields, value as Readonly<Record<string, unknown>>);
      return Object.keys(decoded).length > 0 ? (decoded as T) : undefined;
    },
  };
}

/** A list of nested options. */
export function objects<T extends { readonly raw?: RawFields | undefined }>(
  wire: string,
  fields: Fields<T>,
): Field<readonly T[]> {
  return {
    wire,
    encode: (values, option) =>
      list(values, option).map((value, i) => encodeFields(fields, value, `${option}[${i}].`)),
    decode: (values) =>
      (values as readonly Readonly<Record<string, unknown>>[]).map(
        (value) => decodeFields(fields, value) as T,
      ),
  };
}

function list<V>(values: readonly V[], option: string): readonly V[] {
  const isList: boolean = Array.isArray(values);
  if (!isList) throw new InvalidArgumentError(option, `${shown(values)} is not an array`);
  return values;
}

function record<V extends object>(value: V, option: string): V {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError(option, `${shown(value)} is not an object`);
  }
  return value;
}
