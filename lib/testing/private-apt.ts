import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DebianArchive } from './debian-archive.js';
import { runCommand } from './run-command.js';
import { versionIn } from './server-version.js';

/**
 * apt with the machine's configuration but with a separate state: it uses one suite of one archive, does not change the
 * system, runs none of the system's hooks and needs no root.
 */
export class PrivateApt {
  /** Provides an apt that has read the index of `suite`, and removes it when `task` ends. */
  static async use<T>(
    archive: DebianArchive,
    suite: string,
    env: NodeJS.ProcessEnv,
    task: (apt: PrivateApt) => Promise<T>,
  ): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'nats-server-apt-'));
    try {
      const apt = new PrivateApt(folder, env);
      await apt.configure(archive, suite);
      await apt.run('apt-get', 'update');
      return await task(apt);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private constructor(
    private readonly folder: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** The version of a package in the suite, without the distribution's own suffix. */
  async versionOf(name: string): Promise<string> {
    const version = versionIn((await this.run('apt-cache', 'madison', name)).split('|')[1] ?? '');
    if (version === undefined) {
      throw new Error(`has no ${name}`);
    }
    return version;
  }

  /** Downloads a package and unpacks it. */
  async unpack(name: string, folder: string): Promise<void> {
    await this.run('apt-get', 'download', name);
    const download = (await readdir(this.downloads)).find((entry) => entry.endsWith('.deb')) ?? '';
    const file = join(this.downloads, download);
    await mkdir(folder, { recursive: true });
    await runCommand('dpkg-deb', ['--extract', file, folder], { env: this.env });
    await rm(file);
  }

  private async configure(archive: DebianArchive, suite: string): Promise<void> {
    for (const part of ['state/lists/partial', 'cache/archives/partial', 'downloads']) {
      await mkdir(join(this.folder, part), { recursive: true });
    }
    if (process.getuid?.() === 0) {
      // apt started by root downloads as the user _apt, which needs access to this folder.
      await chmod(this.folder, 0o755);
      await chmod(this.downloads, 0o777);
    }
    const signedBy = archive.keyring === undefined ? '' : ` signed-by=${archive.keyring}`;
    await writeFile(
      this.file('sources.list'),
      `deb [target=Packages${signedBy}] ${archive.uri} ${suite} ${archive.components.join(' ')}\n`,
      // The address may contain a password.
      { mode: 0o600 },
    );
    await writeFile(this.file('status'), '');
    await writeFile(
      this.file('apt.conf'),
      [
        `Dir::State "${this.file('state')}";`,
        `Dir::State::lists "${this.file('state/lists')}";`,
        `Dir::State::status "${this.file('status')}";`,
        `Dir::Cache "${this.file('cache')}";`,
        `Dir::Cache::archives "${this.file('cache/archives')}";`,
        'Dir::Cache::pkgcache "pkgcache.bin";',
        `Dir::Etc::sourcelist "${this.file('sources.list')}";`,
        'Dir::Etc::sourceparts "-";',
        'Dir::Etc::preferences "-";',
        'Dir::Etc::preferencesparts "-";',
        // Otherwise a missing index is only a warning.
        'APT::Update::Error-Mode "any";',
        'Acquire::Retries "1";',
        'Acquire::http::Timeout "10";',
        'Acquire::https::Timeout "10";',
        // The system's hooks expect the system's state.
        '#clear APT::Update::Pre-Invoke;',
        '#clear APT::Update::Post-Invoke;',
        '#clear APT::Update::Post-Invoke-Success;',
        '#clear DPkg::Post-Invoke;',
        '',
      ].join('\n'),
    );
  }

  private run(command: string, ...args: string[]): Promise<string> {
    return runCommand(command, ['-q', '-c', this.file('apt.conf'), ...args], {
      env: this.env,
      cwd: this.downloads,
      timeout: 180_000,
    });
  }

  private file(name: string): string {
    return join(this.folder, name);
  }

  private get downloads(): string {
    return this.file('downloads');
  }
}
