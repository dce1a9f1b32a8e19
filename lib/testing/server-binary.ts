import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { binaryVersion } from './binary-version.js';
import { fetchDebianPackage } from './debian-package.js';
import { NatsServerChecksumError, NatsServerNotFoundError, type NatsServerSearchStep } from './errors.js';
import { fetchOfficialRelease } from './official-release.js';
import { cacheFolder, ServerCache } from './server-cache.js';
import { compareVersions, NEW_ENOUGH, satisfies } from './server-version.js';

/**
 * Finds a nats-server, or downloads one. In this order:
 *
 * 1. `NATS_SERVER_BIN`, if it has the requested version
 * 2. a `nats-server` on `PATH` with the requested version or, without one, of 2.11 or newer
 * 3. the user's cache
 * 4. the official release archive, whose checksum is verified; `NATS_SERVER_MIRROR` names a copy of it
 * 5. on Debian-like systems, the distribution's package, unpacked without being installed
 *
 * Downloads are stored in the cache.
 *
 * @param requested - `2.10` for the newest 2.10, or `2.10.27`; without one, the newest available
 * @returns the path of the program
 * @throws NatsServerNotFoundError if there is none; its message explains what to do
 * @throws NatsServerChecksumError if the checksum of the release archive is wrong
 */
export async function findServerBinary(
  requested: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const cache = new ServerCache(cacheFolder(env));
  const steps: NatsServerSearchStep[] = [];
  const installed = await findInstalled(requested, env, steps);
  if (installed !== undefined) {
    return installed;
  }
  const cached = await cache.find(requested);
  if (cached !== undefined) {
    return cache.pathOf(cached);
  }
  try {
    return await cache.exclusively(requested ?? 'newest', async () => {
      const version = (await cache.find(requested)) ?? (await fetchServer(requested, env, cache, steps));
      return cache.pathOf(version);
    });
  } catch (error) {
    if (error instanceof NatsServerNotFoundError || error instanceof NatsServerChecksumError) {
      throw error;
    }
    throw new NatsServerNotFoundError(requested, [...steps, { source: 'cache', reason: messageOf(error) }]);
  }
}

async function findInstalled(
  requested: string | undefined,
  env: NodeJS.ProcessEnv,
  steps: NatsServerSearchStep[],
): Promise<string | undefined> {
  if (env.NATS_SERVER_BIN) {
    const version = await binaryVersion(env.NATS_SERVER_BIN, env).catch((error: unknown) => {
      throw new NatsServerNotFoundError(requested, [{ source: 'NATS_SERVER_BIN', reason: messageOf(error) }]);
    });
    if (satisfies(version, requested)) {
      return env.NATS_SERVER_BIN;
    }
    steps.push({ source: 'NATS_SERVER_BIN', reason: `is ${version}` });
  } else {
    steps.push({ source: 'NATS_SERVER_BIN', reason: 'not set' });
  }
  const path = await findOnPath(env);
  if (path === undefined) {
    steps.push({ source: 'PATH', reason: 'has no nats-server' });
    return undefined;
  }
  try {
    const version = await binaryVersion(path, env);
    if (requested === undefined ? compareVersions(version, NEW_ENOUGH) >= 0 : satisfies(version, requested)) {
      return path;
    }
    steps.push({ source: 'PATH', reason: `${path} is ${version}` });
  } catch (error) {
    steps.push({ source: 'PATH', reason: messageOf(error) });
  }
  return undefined;
}

async function fetchServer(
  requested: string | undefined,
  env: NodeJS.ProcessEnv,
  cache: ServerCache,
  steps: NatsServerSearchStep[],
): Promise<string> {
  const versions = await cache.versions();
  steps.push({
    source: `cache (${cache.folder})`,
    reason: versions.length === 0 ? 'is empty' : `has ${versions.join(', ')}`,
  });
  const sources = [
    { name: 'official release', fetch: fetchOfficialRelease },
    { name: 'distribution package', fetch: fetchDebianPackage },
  ];
  for (const source of sources) {
    try {
      return await cache.stage(async (folder) => {
        const program = await source.fetch(requested, folder, env);
        const version = await binaryVersion(program, env);
        await cache.add(version, program);
        if (requested === undefined) {
          await cache.setNewest(version);
        }
        return version;
      });
    } catch (error) {
      if (error instanceof NatsServerChecksumError) {
        throw error;
      }
      steps.push({ source: source.name, reason: messageOf(error) });
    }
  }
  throw new NatsServerNotFoundError(requested, steps);
}

async function findOnPath(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const name = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const path of folders.map((folder) => join(folder, name))) {
    const isExecutable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) {
      return path;
    }
  }
  return undefined;
}

/** The text of an error, without the user part of addresses, which may contain a password. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll(/:\/\/[^/\s]*@/g, '://');
}
