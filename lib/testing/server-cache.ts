import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { newest } from './server-version.js';

/** The polling interval of a process that waits for another's download, in milliseconds. */
const LOCK_POLL = 50;
/** The heartbeat interval of the process that downloads, in milliseconds. */
const LOCK_HEARTBEAT = 1_000;
/** How long after its last heartbeat a download counts as aborted, in milliseconds. */
const LOCK_STALE = 10_000;

/**
 * The user's own store of nats-server binaries, shared by all projects and processes.
 *
 * Each binary is one file, named by version and platform, which appears by an atomic rename: a reader sees a complete
 * binary or none, even if several processes fill the cache at once.
 */
export class ServerCache {
  constructor(
    readonly folder: string,
    private readonly platform = `${process.platform}-${process.arch}`,
  ) {}

  /**
   * The newest cached version that satisfies the request; without a request, the version that was downloaded as the
   * newest.
   */
  async find(requested: string | undefined): Promise<string | undefined> {
    const versions = await this.versions();
    if (requested !== undefined) {
      return newest(versions, requested);
    }
    const fetched = await readFile(this.newestFile, 'utf8').catch(() => '');
    return versions.includes(fetched) ? fetched : undefined;
  }

  /** Every cached version for this platform. */
  async versions(): Promise<string[]> {
    const names = await readdir(this.folder).catch((): string[] => []);
    return names.flatMap((name) => {
      const version = /^nats-server-(\d+\.\d+\.\d+)-/.exec(name)?.[1];
      return version !== undefined && join(this.folder, name) === this.pathOf(version) ? [version] : [];
    });
  }

  pathOf(version: string): string {
    const extension = process.platform === 'win32' ? '.exe' : '';
    return join(this.folder, `nats-server-${version}-${this.platform}${extension}`);
  }

  /** Moves a binary into the cache; it must be in a {@link stage} of this cache. */
  async add(version: string, file: string): Promise<void> {
    const path = this.pathOf(version);
    await rename(file, path).catch(async (error: unknown) => {
      // Windows does not replace a running program; in that case another process has already added this version.
      await stat(path).catch(() => Promise.reject(error));
    });
  }

  /** Stores which version is the newest available, for requests without a version. */
  async setNewest(version: string): Promise<void> {
    await this.stage(async (folder) => {
      const file = join(folder, 'newest');
      await writeFile(file, version);
      await rename(file, this.newestFile);
    });
  }

  /** Provides a new folder on the cache's own file system, and removes it with its remaining content. */
  async stage<T>(use: (folder: string) => Promise<T>): Promise<T> {
    await mkdir(this.folder, { recursive: true });
    const folder = await mkdtemp(join(this.folder, '.stage-'));
    try {
      return await use(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /**
   * Runs `task` while no other process runs one for the same key. This only avoids duplicate work: a lock whose holder
   * ended is taken over, and if two processes ever hold it, both add the same file.
   */
  async exclusively<T>(key: string, task: () => Promise<T>): Promise<T> {
    await mkdir(this.folder, { recursive: true });
    const lock = join(this.folder, `.lock-${key}-${this.platform}`);
    await this.acquire(lock);
    const heartbeat = setInterval(() => {
      const now = new Date();
      utimes(lock, now, now).catch(() => undefined);
    }, LOCK_HEARTBEAT);
    try {
      return await task();
    } finally {
      clearInterval(heartbeat);
      await rm(lock, { force: true });
    }
  }

  private async acquire(lock: string): Promise<void> {
    for (;;) {
      try {
        await (await open(lock, 'wx')).close();
        return;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
          throw error;
        }
      }
      const held = await stat(lock).catch(() => undefined);
      if (held !== undefined && Date.now() - held.mtimeMs > LOCK_STALE) {
        await rm(lock, { force: true });
      } else {
        await sleep(LOCK_POLL);
      }
    }
  }

  private get newestFile(): string {
    return join(this.folder, `newest-${this.platform}`);
  }
}

/** The folder of the cache: under `XDG_CACHE_HOME` or the platform's own folder for caches. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheHome(env), 'nestjs-nats-jetstream');
}

function cacheHome(env: NodeJS.ProcessEnv): string {
  if (env.XDG_CACHE_HOME) {
    return env.XDG_CACHE_HOME;
  }
  switch (process.platform) {
    case 'win32':
      return env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local');
    case 'darwin':
      return join(homedir(), 'Library', 'Caches');
    default:
      return join(homedir(), '.cache');
  }
}
