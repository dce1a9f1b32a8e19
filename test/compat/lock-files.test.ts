import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repository } from './packed-package.js';

interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      { readonly resolved?: string; readonly optionalDependencies?: Readonly<Record<string, string>> }
    >
  >;
}

describe.each([
  'package-lock.json',
  'test/compat/apps/nest-11-commonjs/package-lock.json',
  'test/compat/apps/nest-12-esm/package-lock.json',
])('%s', (file) => {
  it('records no download address', async () => {
    const addresses = Object.values((await read(file)).packages).flatMap(({ resolved }) => resolved ?? []);
    expect(addresses).toEqual([]);
  });

  // npm omits the variants for other platforms that a registry does not have, and `npm ci` then rejects the lock file.
  it('lists the optional packages of every platform', async () => {
    const { packages } = await read(file);
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !places(path).some((place) => `${place}node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
  });
});

async function read(file: string): Promise<LockFile> {
  return JSON.parse(await readFile(join(repository, file), 'utf8')) as LockFile;
}

/** The folders in which Node searches for the dependencies of an installed package, from the inside out. */
function places(path: string): string[] {
  const inner = path === '' ? '' : `${path}/`;
  const outer = path.lastIndexOf('node_modules/');
  return outer < 0 ? [inner] : [inner, ...places(path.slice(0, outer).replace(/\/$/, ''))];
}
