import { join } from 'node:path';

import { findDebianArchives, readDistribution, type DebianArchive } from './debian-archive.js';
import { PrivateApt } from './private-apt.js';
import { binaryVersion } from './binary-version.js';
import { compareVersions, satisfies } from './server-version.js';

const PACKAGE = 'nats-server';
const PROGRAM = 'usr/sbin/nats-server';

/**
 * Extracts nats-server from the distribution's package, on Debian and its derivatives, without root and without
 * installing anything: apt runs with the machine's own configuration (mirror, proxy, credentials) but with a separate
 * state, and verifies the package as usual.
 *
 * @param requested - the version, or a prefix of it; without one, the newest of the distribution
 * @param folder - where the package is unpacked
 * @returns the program's path
 * @throws Error with the reason if there is none
 */
export async function fetchDebianPackage(
  requested: string | undefined,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const archives = await findDebianArchives(await readDistribution(), env);
  const failures: string[] = [];
  for (const archive of archives) {
    const program = await searchSuites(archive, requested, folder, env, failures);
    if (program !== undefined) {
      return program;
    }
  }
  throw new Error(failures.join('; '));
}

/**
 * Searches the version in the archive's suites, which are ordered from the oldest to the newest. The index of a suite
 * has about 10 MB, so this is a binary search; without a requested version, the newest suite comes first.
 */
async function searchSuites(
  archive: DebianArchive,
  requested: string | undefined,
  folder: string,
  env: NodeJS.ProcessEnv,
  failures: string[],
): Promise<string | undefined> {
  let suites = archive.suites;
  while (suites.length > 0) {
    const index = requested === undefined ? suites.length - 1 : Math.floor((suites.length - 1) / 2);
    const suite = suites[index] ?? '';
    try {
      const version = await PrivateApt.use(archive, suite, env, async (apt) => {
        const offered = await apt.versionOf(PACKAGE);
        if (satisfies(offered, requested)) {
          await apt.unpack(PACKAGE, folder);
        }
        return offered;
      });
      if (satisfies(version, requested)) {
        const program = join(folder, PROGRAM);
        // A program that was built for newer libraries than this system's does not run.
        await binaryVersion(program, env);
        return program;
      }
      failures.push(`${suite} has ${version}`);
      suites =
        compareVersions(version, requested ?? '') < 0 ? suites.slice(index + 1) : suites.slice(0, index);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failures.push(`${suite}: ${reason}`);
      suites = isOutOfReach(reason) ? [] : suites.toSpliced(index, 1);
    }
  }
  return undefined;
}

/** Whether apt could not reach the archive at all, so that its other suites do not have to be tried. */
function isOutOfReach(reason: string): boolean {
  return /Could not (resolve|connect)|Temporary failure|timed out|ENOENT/.test(reason);
}
