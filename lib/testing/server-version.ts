/** The oldest nats-server on PATH that is used if no version is requested. */
export const NEW_ENOUGH = '2.11.0';

/** Whether `version` is one, two or three numbers: `2`, `2.10` or `2.10.27`. */
export function isVersionRequest(version: unknown): boolean {
  return typeof version === 'string' && /^\d+(\.\d+){0,2}$/.test(version);
}

/** Whether `version` satisfies the request: `2.10.27` satisfies `2`, `2.10` and `2.10.27`, and an omitted request. */
export function satisfies(version: string, requested: string | undefined): boolean {
  return requested === undefined || `${version}.`.startsWith(`${requested}.`);
}

/**
 * Negative, zero or positive if `a` is older than, the same as, or newer than `b`, comparing the numbers that both
 * have.
 */
export function compareVersions(a: string, b: string): number {
  const others = b.split('.').map(Number);
  const differences = a.split('.').map((part, index) => Number(part) - (others[index] ?? Number(part)));
  return differences.find((difference) => difference !== 0) ?? 0;
}

/** The newest of `versions` that satisfies the request. */
export function newest(versions: readonly string[], requested: string | undefined): string | undefined {
  return versions
    .filter((version) => satisfies(version, requested))
    .toSorted(compareVersions)
    .at(-1);
}

/** The first `x.y.z` in a text, such as the output of `nats-server --version` or the version of a package. */
export function versionIn(text: string): string | undefined {
  return /\d+\.\d+\.\d+/.exec(text)?.[0];
}
