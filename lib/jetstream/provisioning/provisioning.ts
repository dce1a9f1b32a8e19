import { isDeepStrictEqual } from 'node:util';

/**
 * How streams, buckets and consumers on the server are treated at bootstrap:
 *
 * - `ensure`: missing resources are created, and existing ones with other options are updated to those of this
 *   application, even while another application uses them. Differences are logged; an update of a consumer that affects
 *   another application (`ackWait`, the filter, fewer deliveries, …) is logged as a warning. If an option cannot be
 *   changed, the startup fails.
 * - `assert`: nothing is created or changed. If a resource is missing or different, the startup fails.
 * - `off`: nothing is created, changed or compared. If a resource is missing, the startup fails.
 */
export type Provisioning = 'ensure' | 'assert' | 'off';

/** The outcome for a resource: `unchanged` was compared, and `used` was not. */
export type ProvisioningOutcome = 'created' | 'updated' | 'unchanged' | 'used';

/** Receives what was done with a resource. */
export type OnProvisioned = (outcome: ProvisioningOutcome) => void;

/** One option that differs from the requested value. */
export interface ConfigDifference {
  readonly option: string;
  readonly actual: unknown;
  readonly wanted: unknown;
}

/** Options whose lists are sets, so that their order does not matter. */
const SETS: ReadonlySet<string> = new Set([
  'subjects',
  'filterSubjects',
  'sources',
  'tags',
  'priorityGroups',
]);
/** Options whose nested options may be declared individually. */
const OPEN = ['metadata', 'placement', 'consumerLimits'] as const;

/** The options of `wanted` that differ in `actual`; omitted options are not compared. */
export function configDifferences(actual: object, wanted: object): ConfigDifference[] {
  const have = actual as Readonly<Record<string, unknown>>;
  return Object.entries<unknown>(wanted as Readonly<Record<string, unknown>>)
    .filter(
      ([option, value]) => value !== undefined && option !== 'raw' && !same(have[option], value, option),
    )
    .map(([option, value]) => ({ option, actual: have[option], wanted: value }));
}

/** Whether two declarations are equivalent. */
export function sameConfig(one: object, other: object): boolean {
  return isDeepStrictEqual(normalized(one), normalized(other));
}

/** Merges a declaration into a configuration. Undeclared options keep their values, also within `metadata`. */
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

/** Deep equality, except that values omitted in `wanted` match anything, because the server fills in its defaults. */
function same(actual: unknown, wanted: unknown, option: string): boolean {
  if (wanted instanceof Date) return actual instanceof Date && actual.getTime() === wanted.getTime();
  if (Array.isArray(wanted)) {
    // The server omits empty values.
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

/** Whether the two sets have the same items. */
function sameSet(actual: readonly unknown[], wanted: readonly unknown[]): boolean {
  const left = [...actual];
  for (const item of new Set(wanted)) {
    const place = left.findIndex((other) => same(other, item, ''));
    if (place === -1) return false;
    left.splice(place, 1);
  }
  return left.length === 0;
}

/** A declaration without undefined values, with its sets in a defined order. */
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
