import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const pages = [
  'README.md',
  ...(await readdir(`${repository}docs`)).filter(isPage).map((page) => `docs/${page}`),
];

describe.each(pages)('%s', (page) => {
  it('only shows code that is identical to a snippet file', async () => {
    const text = await readFile(repository + page, 'utf8');
    const snippets = [...text.matchAll(FENCE)];
    expect(text.split('\n').filter((line) => /^\s*```(ts|typescript|go)\b/.test(line)).length).toBe(
      snippets.length,
    );
    for (const { groups: { marker = '', code = '' } = {} } of snippets) {
      const reference = /^<!-- snippet: (?<file>[\w./-]+)#(?<region>[\w-]+) -->$/.exec(marker.trim())?.groups;
      expect(reference, `the marker before\n${code}`).toBeDefined();
      expect(code, marker).toBe(await region(reference?.file ?? '', reference?.region ?? ''));
    }
  });
});

/** A fence of TypeScript or Go and the last line before it, which names the origin of the snippet. */
const FENCE = /^(?<marker>.*)\n\n?```(?:ts|typescript|go)\n(?<code>[^]*?)^```$/gm;

function isPage(file: string): boolean {
  return file.endsWith('.md');
}

/** The lines between `// #region <name>` and its `// #endregion`, without their common indentation. */
async function region(file: string, name: string): Promise<string> {
  const lines = (await readFile(`${repository}docs/snippets/${file}`, 'utf8')).split('\n');
  const start = lines.findIndex((line) => line.trim() === `// #region ${name}`);
  const end = lines.findIndex((line, index) => index > start && line.trim() === '// #endregion');
  if (start < 0 || end < 0) throw new Error(`docs/snippets/${file} has no region ${name}`);
  const body = lines.slice(start + 1, end);
  const indentation = Math.min(...body.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return body.map((line) => `${line.slice(indentation)}\n`).join('');
}
