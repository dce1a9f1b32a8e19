import { isDeepStrictEqual } from 'node:util';
import { TEXTS } from './keyword-differences.js';

type Schema = Readonly<Record<string, unknown>>;

/** How the alternatives of two schemas belong together. */
interface Pairing {
  readonly pairs: readonly (readonly [older: unknown, newer: unknown])[];
  readonly removed: readonly unknown[];
  readonly added: readonly unknown[];
}

/**
 * The alternatives of a schema that consists of `anyOf` or `oneOf`; `undefined` for any other schema.
 *
 * @param schema without a reference
 */
export function alternativesOf(schema: Schema): readonly unknown[] | undefined {
  const [keyword, ...others] = keywordsOf(schema);
  const list = keyword === 'anyOf' || keyword === 'oneOf' ? schema[keyword] : undefined;
  return others.length === 0 && Array.isArray(list) ? list : undefined;
}

/**
 * A schema that is not a union as one, so that it can be compared with a union; `undefined` if it accepts any value.
 *
 * @param schema as it is written, perhaps a reference
 * @param resolved the same schema without a reference
 */
export function asAlternatives(schema: unknown, resolved: Schema): readonly unknown[] | undefined {
  if (keywordsOf(resolved).length === 0) return undefined;
  const { type } = resolved;
  return Array.isArray(type) ? type.map((each: unknown) => ({ ...resolved, type: each })) : [schema];
}

/**
 * Finds the newer alternative for each older one: the same, otherwise that with the same constants (such as the `kind` of
 * a discriminated union), otherwise one of the same type. Alternatives whose constants differ do not belong together.
 *
 * @param resolveOlder returns an older alternative without a reference
 * @param resolveNewer the same for a newer one
 */
export function pairsOf(
  older: readonly unknown[],
  newer: readonly unknown[],
  resolveOlder: (schema: unknown) => Schema,
  resolveNewer: (schema: unknown) => Schema,
): Pairing {
  const [after, before] = [newer.map(resolveNewer), older.map(resolveOlder)];
  const candidates = before
    .flatMap((a, i) => after.map((b, j) => ({ i, j, score: likeness([older[i], a], [newer[j], b]) })))
    .filter(({ score }) => score >= 0)
    .toSorted((one, other) => other.score - one.score);
  const [usedOlder, usedNewer] = [new Set<number>(), new Set<number>()];
  const pairs: [unknown, unknown][] = [];
  for (const { i, j } of candidates) {
    if (usedOlder.has(i) || usedNewer.has(j)) continue;
    usedOlder.add(i);
    usedNewer.add(j);
    pairs.push([older[i], newer[j]]);
  }
  return {
    pairs,
    removed: older.filter((_, i) => !usedOlder.has(i)),
    added: newer.filter((_, j) => !usedNewer.has(j)),
  };
}

/** How alike two alternatives are, each as it is written and without a reference. Negative if their constants differ. */
function likeness([a, from]: readonly [unknown, Schema], [b, to]: readonly [unknown, Schema]): number {
  if (isDeepStrictEqual(a, b)) return Number.MAX_SAFE_INTEGER;
  const [older, newer] = [constantsOf(from), constantsOf(to)];
  let score = isDeepStrictEqual(from.type, to.type) ? 1 : 0;
  for (const [name, value] of older) {
    if (newer.has(name)) score += isDeepStrictEqual(newer.get(name), value) ? 2 : -2;
  }
  return score;
}

/** The properties of an object that have only one value. */
function constantsOf({ properties }: Schema): ReadonlyMap<string, unknown> {
  const constants = new Map<string, unknown>();
  for (const [name, value] of Object.entries(objectOf(properties))) {
    const { const: only, enum: values } = objectOf(value);
    if (only !== undefined) constants.set(name, only);
    else if (Array.isArray(values) && values.length === 1) constants.set(name, values[0]);
  }
  return constants;
}

function keywordsOf(schema: Schema): readonly string[] {
  return Object.keys(schema).filter((keyword) => !TEXTS.includes(keyword));
}

function objectOf(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {};
}
