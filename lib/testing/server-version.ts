/** The oldest nats-server on PATH that is taken when no version is asked for. */
export const NEW_ENOUGH = '2.11.0';

/**
 * Throws unless `version` is one, two or three numbers: `2`, `2.10` or `2.10.27`.
 *
 * @throws TypeError
 */
export function assertVersionRequest(version: string): void {
  if (!/^\d+(\.\d+){0,2}$/.test(version)) {
    throw new TypeError(
      `'${version}' is no nats-server version: write '2.10' for the newest 2.10, or '2.10.27'`,
    );
  }
}

/** Whether `version` is the one asked for: `2.10.27` satisfies `2`, `2.10` and `2.10.27`, and no request at all. */
export function satisfies(version: string, requested: string | undefined): boolean {
  return requested === undefined || `${version}.`.startsWith(`${requested}.`);
}

/** Below, at or above zero as `a` is older than, the same as, or newer than `b`, as far as both are written. */
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

/** The first `x.y.z` in a text: `nats-server --version` and packages' versions write it with more around it. */
export function versionIn(text: string): string | undefined {
  return /\d+\.\d+\.\d+/.exec(text)?.[0];
}
