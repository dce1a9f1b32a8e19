/**
 * Whether streams, buckets and consumers are made: `ensure` creates what is missing and updates what may change,
 * logging the difference; `assert` only compares; `off` takes them as they are.
 */
export type Provisioning = 'ensure' | 'assert' | 'off';

/** One option that is not as it was asked for. */
export interface ConfigDifference {
  readonly option: string;
  readonly actual: unknown;
  readonly wanted: unknown;
}

/** The options of `wanted` that differ in `actual`; options that are left out are not compared. */
export function configDifferences(actual: object, wanted: object): ConfigDifference[] {
  const have = actual as Readonly<Record<string, unknown>>;
  return Object.entries<unknown>(wanted as Readonly<Record<string, unknown>>)
    .filter(([option, value]) => value !== undefined && option !== 'raw' && !same(have[option], value))
    .map(([option, value]) => ({ option, actual: have[option], wanted: value }));
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
function same(actual: unknown, wanted: unknown): boolean {
  if (wanted instanceof Date) return actual instanceof Date && actual.getTime() === wanted.getTime();
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((item, i) => same(actual[i], item))
    );
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof actual !== 'object' || actual === null) return false;
    const have = actual as Readonly<Record<string, unknown>>;
    return Object.entries(wanted).every(([key, value]) => value === undefined || same(have[key], value));
  }
  return actual === wanted;
}
