import { isDeepStrictEqual } from 'node:util';

/**
 * What is done at bootstrap with streams, buckets and consumers on the server:
 *
 * - `ensure`: what is missing is created, and what exists with other options is updated to those of this application, also
 *   while another application uses it. Differences are logged; an update of a consumer that another application notices
 *   (`ackWait`, the filter, fewer deliveries, …) as a warning. What cannot be changed stops the boot.
 * - `assert`: nothing is created or changed. What is missing or different stops the boot.
 * - `off`: nothing is created, changed or compared. What is missing stops the boot.
 */
export type Provisioning = 'ensure' | 'assert' | 'off';

/** One option that is not as it was asked for. */
export interface ConfigDifference {
  readonly option: string;
  readonly actual: unknown;
  readonly wanted: unknown;
}

/** The options whose lists are sets: their order says nothing. */
const SETS: ReadonlySet<string> = new Set([
  'subjects',
  'filterSubjects',
  'sources',
  'tags',
  'priorityGroups',
]);
/** The options whose own options may be declared one by one. */
const OPEN = ['metadata', 'placement', 'consumerLimits'] as const;

/** The options of `wanted` that differ in `actual`; options that are left out are not compared. */
export function configDifferences(actual: object, wanted: object): ConfigDifference[] {
  const have = actual as Readonly<Record<string, unknown>>;
  return Object.entries<unknown>(wanted as Readonly<Record<string, unknown>>)
    .filter(
      ([option, value]) => value !== undefined && option !== 'raw' && !same(have[option], value, option),
    )
    .map(([option, value]) => ({ option, actual: have[option], wanted: value }));
}

/** Whether two declarations ask for the same. */
export function sameConfig(one: object, other: object): boolean {
  return isDeepStrictEqual(normalized(one), normalized(other));
}

/** A configuration with what is declared of it. What is not declared stays as it is, also within `metadata`. */
export function mergedConfig<Config extends object>(actual: object, declared: Config): Config {
  const have = actual as Readonly<Record<string, object | undefined>>;
  const given = Object.entries(declared).filter(([, value]) => value !== undefined);
  const wanted = Object.fromEntries(given) as Readonly<Record<string, object | undefined>>;
  const merged: Record<string, unknown> = { ...have, ...wanted };
  for (const option of OPEN) {
    if (wanted[option] !== undefined) merged[option] = { ...have[option], ...wanted[option] };
  }
  return merged as Config;
}

/** The differences as one line: `maxDeliver: -1 → 5, ackWait: 30000 → 60000`. */
export function describeDifferences(differences: readonly ConfigDifference[]): string {
  return differences
    .map(
      ({ option, actual, wanted }) =>
        `${option}: ${JSON.stringify(actual) ?? 'none'} → ${JSON.stringify(wanted)}`,
    )
    .join(', ');
}

/** Deep equality where what `wanted` leaves out may be anything: the server fills in its defaults. */
function same(actual: unknown, wanted: unknown, option: string): boolean {
  if (wanted instanceof Date) return actual instanceof Date && actual.getTime() === wanted.getTime();
  if (Array.isArray(wanted)) {
    // The server leaves out what is empty.
    if (wanted.length === 0 && actual === undefined) return true;
    if (!Array.isArray(actual)) return false;
    return SETS.has(option) ? sameSet(actual, wanted) : sameList(actual, wanted);
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof actual !== 'object' || actual === null) return false;
    const have = actual as Readonly<Record<string, unknown>>;
    return Object.entries(wanted).every(([key, value]) => value === undefined || same(have[key], value, key));
  }
  return actual === wanted;
}

function sameList(actual: readonly unknown[], wanted: readonly unknown[]): boolean {
  return actual.length === wanted.length && wanted.every((item, i) => same(actual[i], item, ''));
}

/** Whether each item of one set has its own counterpart in the other. */
function sameSet(actual: readonly unknown[], wanted: readonly unknown[]): boolean {
  const left = [...actual];
  for (const item of new Set(wanted)) {
    const place = left.findIndex((other) => same(other, item, ''));
    if (place === -1) return false;
    left.splice(place, 1);
  }
  return left.length === 0;
}

/** A declaration without what is undefined, its sets in one order. */
function normalized(value: unknown, option = ''): unknown {
  if (Array.isArray(value)) {
    const items: unknown[] = value.map((item: unknown) => normalized(item));
    if (!SETS.has(option)) return items;
    const text = (item: unknown): string => JSON.stringify(item) ?? '';
    return items.toSorted((a: unknown, b: unknown) => text(a).localeCompare(text(b)));
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const given = Object.entries(value as Readonly<Record<string, unknown>>).filter(
    ([, item]) => item !== undefined,
  );
  return Object.fromEntries(given.map(([key, item]) => [key, normalized(item, key)]));
}
