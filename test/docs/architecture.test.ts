import { readdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const lib = fileURLToPath(new URL('../../lib/', import.meta.url));
const page = await readFile(new URL('../../docs/architecture.md', import.meta.url), 'utf8');

/** Files and folders in code marks: they end with `.ts` or `/`. */
const paths = [...page.matchAll(/`((?:[\w.-]+\/)*[\w.-]+(?:\.ts|\/))`/g)].map(([, path = '']) => path);

describe('docs/architecture.md', () => {
  it('names only files and folders that exist', async () => {
    expect(paths.length).toBeGreaterThan(80);
    const missing = await Promise.all(paths.map(async (path) => ((await exists(path)) ? [] : [path])));
    expect(missing.flat()).toEqual([]);
  });

  it('names every folder of the library', async () => {
    const entries = await readdir(lib, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${name}/`);
    expect(folders.filter((folder) => !paths.includes(folder))).toEqual([]);
  });

  it('names every folder of those that handle messages', async () => {
    const folders = await Promise.all(['handlers/', 'consuming/'].map(foldersIn));
    expect(folders.flat().filter((folder) => !paths.includes(folder))).toEqual([]);
  });
});

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(lib + folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${folder}${name}/`);
}

/** A file without a folder may be in any folder, such as `index.ts`. */
async function exists(path: string): Promise<boolean> {
  if (path === 'lib/') return true;
  if (await isThere(lib + path)) return true;
  const all = await readdir(lib, { recursive: true });
  return !path.includes('/') && all.some((file) => file.endsWith(`/${path}`));
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
