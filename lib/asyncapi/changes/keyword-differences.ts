import { isDeepStrictEqual } from 'node:util';

type Schema = Readonly<Record<string, unknown>>;

/** A difference of two schemas: whether the newer one accepts less, more, or other values. */
export interface Difference {
  readonly kind: 'narrower' | 'wider' | 'different' | 'same';
  readonly text: string;
}

/** Limits that accept less if they are raised. */
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
/** Lower limits of which 0 accepts anything. */
const COUNTS = ['minLength', 'minItems', 'minProperties'];
/** Limits that accept less if they are lowered. */
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
/** Conditions that accept other values if they change. */
const CONDITIONS = [
  'pattern',
  'format',
  'multipleOf',
  'uniqueItems',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'patternProperties',
  'dependencies',
  'contentEncoding',
];
/** Keywords that only describe. */
export const TEXTS: readonly string[] = [
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
];

/** The differences of the keywords of two schemas, without the schemas inside of them. */
export function keywordDifferences(a: Schema, b: Schema): readonly Difference[] {
  return [
    ...types(a, b),
    ...values(a, b),
    ...required(a, b),
    ...LOWER.flatMap((keyword) => limit(keyword, a, b, 1)),
    ...UPPER.flatMap((keyword) => limit(keyword, a, b, -1)),
    ...CONDITIONS.flatMap((keyword) => condition(keyword, a, b)),
    ...textDifferences(a, b),
    ...tuple(a, b),
  ];
}

/** The differences of the keywords that only describe. */
export function textDifferences(a: Schema, b: Schema): readonly Difference[] {
  return TEXTS.flatMap((keyword) => description(keyword, a, b));
}

function types(a: Schema, b: Schema): readonly Difference[] {
  const [before, after] = [typesOf(a), typesOf(b)];
  const text = `type changed from ${textOf(a.type)} to ${textOf(b.type)}`;
  const isPart = (some: readonly string[], all: readonly string[]): boolean =>
    some.every((type) => all.includes(type) || (type === 'integer' && all.includes('number')));
  return compare(isPart(before, after), isPart(after, before), text);
}

const ALL_TYPES = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'];

function typesOf({ type }: Schema): readonly string[] {
  if (type === undefined) return ALL_TYPES;
  return (Array.isArray(type) ? type : [type]) as readonly string[];
}

/** `enum` and `const`. */
function values(a: Schema, b: Schema): readonly Difference[] {
  const [before, after] = [valuesOf(a), valuesOf(b)];
  if (before === undefined && after === undefined) return [];
  if (before === undefined) return [{ kind: 'narrower', text: `only ${textOf(after)} are allowed now` }];
  if (after === undefined)
    return [{ kind: 'wider', text: `any value is allowed, not only ${textOf(before)}` }];
  const has = (all: readonly unknown[], value: unknown): boolean =>
    all.some((each) => isDeepStrictEqual(each, value));
  const gone = before.filter((value) => !has(after, value));
  const added = after.filter((value) => !has(before, value));
  return [
    ...gone.map((value) => ({ kind: 'narrower', text: `the value ${textOf(value)} was removed` }) as const),
    ...added.map((value) => ({ kind: 'wider', text: `the value ${textOf(value)} was added` }) as const),
  ];
}

function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if ('const' in schema) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

function required(a: Schema, b: Schema): readonly Difference[] {
  const [before, after] = [namesOf(a.required), namesOf(b.required)];
  const added = after.filter((name) => !before.includes(name));
  const gone = before.filter((name) => !after.includes(name));
  return [
    ...added.map((name) => ({ kind: 'narrower', text: `"${name}" is required now` }) as const),
    ...gone.map((name) => ({ kind: 'wider', text: `"${name}" is optional now` }) as const),
  ];
}

/** @param direction 1 if a higher limit accepts less, -1 if it accepts more */
function limit(keyword: string, a: Schema, b: Schema, direction: 1 | -1): readonly Difference[] {
  const [before, after] = [a[keyword], b[keyword]];
  const isNone = (value: unknown): boolean =>
    value === undefined || (value === 0 && COUNTS.includes(keyword));
  if (before === after || (isNone(before) && isNone(after))) return [];
  const text = `${keyword} changed from ${textOf(before)} to ${textOf(after)}`;
  if (typeof before !== 'number') return [{ kind: 'narrower', text }];
  if (typeof after !== 'number') return [{ kind: 'wider', text }];
  return [{ kind: (after - before) * direction > 0 ? 'narrower' : 'wider', text }];
}

function condition(keyword: string, a: Schema, b: Schema): readonly Difference[] {
  const [before, after] = [a[keyword], b[keyword]];
  if (isDeepStrictEqual(before, after)) return [];
  const text = `${keyword} changed from ${textOf(before)} to ${textOf(after)}`;
  if (before === undefined) return [{ kind: 'narrower', text }];
  return [{ kind: after === undefined ? 'wider' : 'different', text }];
}

function description(keyword: string, a: Schema, b: Schema): readonly Difference[] {
  return isDeepStrictEqual(a[keyword], b[keyword]) ? [] : [{ kind: 'same', text: `${keyword} changed` }];
}

/** Lists with a schema for each position. */
function tuple(a: Schema, b: Schema): readonly Difference[] {
  if (!Array.isArray(a.items) || !Array.isArray(b.items)) return [];
  const isSame =
    isDeepStrictEqual(a.items, b.items) && isDeepStrictEqual(a.additionalItems, b.additionalItems);
  return isSame ? [] : [{ kind: 'different', text: 'the items of the list changed' }];
}

function compare(isWider: boolean, isNarrower: boolean, text: string): readonly Difference[] {
  if (isWider && isNarrower) return [];
  return [{ kind: isWider ? 'wider' : isNarrower ? 'narrower' : 'different', text }];
}

function namesOf(list: unknown): readonly string[] {
  return Array.isArray(list) ? (list as string[]) : [];
}

function textOf(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
