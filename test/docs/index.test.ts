import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const docs = (await readdir(join(repository, 'docs'))).filter((file) => file.endsWith('.md'));
const samples = await readdir(join(repository, 'sample'));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...docs.map((file) => `docs/${file}`),
  ...samples.map((sample) => `sample/${sample}/README.md`),
];

const SECTIONS = ['Entries of the package', 'Tutorial', 'How-to guides', 'Reference', 'Explanation'];

it('docs/README.md lists every page and every sample once, by kind', async () => {
  const [, ...sections] = (await read('docs/README.md')).split(/^## /m);
  expect(sections.map((section) => section.split('\n')[0])).toEqual(SECTIONS);
  const listed = sections.flatMap((section) =>
    [...section.matchAll(/^\| \[[^\]]+\]\(([^)]+)\)/gm)].map(([, target = '']) => target),
  );
  const expected = [
    ...docs.filter((file) => file !== 'README.md'),
    ...samples.map((sample) => `../sample/${sample}/README.md`),
  ];
  expect(listed.toSorted()).toEqual(expected.toSorted());
});

it('docs/README.md lists every entry of the package', async () => {
  const { exports } = JSON.parse(await read('package.json')) as { readonly exports: object };
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'));
  const listed = [...(await read('docs/README.md')).matchAll(/^\| `nestjs-nats-jetstream([^`]*)`/gm)];
  expect(listed.map(([, path = '']) => `.${path}`).toSorted()).toEqual(entries.toSorted());
});

it('README.md is short', async () => {
  expect((await read('README.md')).split('\n').length).toBeLessThan(100);
});

describe.each(pages)('%s', (page) => {
  it('links to files and headings that exist', async () => {
    const links = [...(await read(page)).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
    const broken = await Promise.all(
      links.map(async ([link, path = '', heading]) => ((await exists(page, path, heading)) ? [] : [link])),
    );
    expect(broken.flat()).toEqual([]);
  });
});

async function exists(page: string, path: string, heading: string | undefined): Promise<boolean> {
  const target = path === '' ? page : join(dirname(page), path);
  if (heading === undefined) return (await list(dirname(target))).includes(target.split('/').at(-1) ?? '');
  const headings = (await read(target)).match(/^#+ .*$/gm) ?? [];
  return headings.map(slug).includes(heading);
}

const read = (path: string): Promise<string> => readFile(join(repository, path), 'utf8');
const list = (folder: string): Promise<string[]> => readdir(join(repository, folder)).catch(() => []);

/** The anchor of a heading on GitHub. */
function slug(heading: string): string {
  const text = heading.replace(/^#+ /, '').toLowerCase();
  return text.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
}
