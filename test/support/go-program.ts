import { cp, mkdtemp, readlink, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  findDebianArchives,
  readDistribution,
  type DebianArchive,
} from '../../lib/testing/debian-archive.js';
import { PrivateApt } from '../../lib/testing/private-apt.js';
import { runCommand } from '../../lib/testing/run-command.js';
import { cacheFolder, ServerCache } from '../../lib/testing/server-cache.js';

/** A Go program built with the Go client. */
export interface GoProgram extends AsyncDisposable {
  /** Runs it to its end, and returns its output. */
  run(...args: string[]): Promise<string>;
}

/**
 * Builds the program of a folder with the Go client (`nats.go`). Go and the client come from the distribution's
 * packages, unpacked into the cache without being installed; if there are none, the `go` on `PATH` is used, which
 * downloads the client itself.
 *
 * It takes about half a minute the first time, and a second after that.
 */
export async function buildGoProgram(folder: URL): Promise<GoProgram> {
  const go = await findGo();
  const place = await mkdtemp(join(tmpdir(), 'go-program-'));
  const program = join(place, 'program');
  // Go needs write access to the folder of a module.
  await cp(fileURLToPath(folder), join(place, 'source'), { recursive: true });
  await runCommand(go.command, ['build', '-p', '1', '-o', program, '.'], {
    env: { ...process.env, ...go.env },
    cwd: join(place, 'source'),
    timeout: 300_000,
  });
  return {
    run: (...args) => runCommand(program, args, { env: process.env }),
    [Symbol.asyncDispose]: () => rm(place, { recursive: true, force: true }),
  };
}

interface Go {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

async function findGo(): Promise<Go> {
  const distribution = await readDistribution().catch(() => undefined);
  if (distribution === undefined) return { command: 'go', env: { GOFLAGS: '-mod=mod' } };
  const cache = new ServerCache(cacheFolder(process.env));
  const folder = join(cache.folder, 'go-client');
  await cache.exclusively('go-client', async () => {
    if (await exists(folder)) return;
    await cache.stage(async (stage) => {
      const unpacked = join(stage, 'go-client');
      await unpackGo(await findDebianArchives(distribution, process.env), unpacked);
      await rename(unpacked, folder);
    });
  });
  const root = await goRoot(folder);
  return {
    command: join(root, 'bin/go'),
    env: {
      GOROOT: root,
      GOPATH: join(folder, 'usr/share/gocode'),
      GOCACHE: join(cache.folder, 'go-build'),
      // The packages have their sources in the GOPATH layout.
      GO111MODULE: 'off',
      GOFLAGS: '',
      GOTOOLCHAIN: 'local',
    },
  };
}

/** The Go client and its dependencies. */
const CLIENT = [
  'golang-github-nats-io-go-nats-dev',
  'golang-github-nats-io-nkeys-dev',
  'golang-github-nats-io-nuid-dev',
  'golang-github-klauspost-compress-dev',
  'golang-golang-x-crypto-dev',
  'golang-golang-x-sys-dev',
];

/** Unpacks Go and the client from the newest suite whose Go runs on this system. */
async function unpackGo(archives: readonly DebianArchive[], folder: string): Promise<void> {
  const failures: string[] = [];
  for (const archive of archives) {
    for (const suite of archive.suites.toReversed()) {
      try {
        await PrivateApt.use(archive, suite, process.env, async (apt) => {
          // It depends on the packages of the current version, and links to them.
          await apt.unpack('golang-go', folder);
          const version = await readlink(join(folder, 'usr/lib/go'));
          for (const name of [`golang-${version.slice(3)}-go`, `golang-${version.slice(3)}-src`, ...CLIENT]) {
            await apt.unpack(name, folder);
          }
        });
        await runCommand(join(await goRoot(folder), 'bin/go'), ['version'], { env: process.env });
        return;
      } catch (error) {
        failures.push(`${suite}: ${error instanceof Error ? error.message : String(error)}`);
        await rm(folder, { recursive: true, force: true });
      }
    }
  }
  throw new Error(`No Go client was found: ${failures.join('; ')}`);
}

async function goRoot(folder: string): Promise<string> {
  return join(folder, 'usr/lib', await readlink(join(folder, 'usr/lib/go')));
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
