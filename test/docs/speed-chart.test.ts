import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

interface Group {
  readonly name: string;
  /** The page that has the figures. */
  readonly page: string;
  readonly rates: Readonly<Record<string, number>>;
}

const root = new URL('../../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');
const { groups } = JSON.parse(await read('docs/speed.json')) as { readonly groups: readonly Group[] };

describe('docs/speed.svg', () => {
  it('is what `npm run docs:speed` draws', { timeout: 60_000 }, async () => {
    const script = fileURLToPath(new URL('scripts/speed-chart.mjs', root));
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--stdout']);
    expect(await read('docs/speed.svg')).toBe(stdout);
  });

  it.each(groups)('shows the figures of the page they come from: $name', async ({ page, rates }) => {
    const text = await read(page);
    for (const rate of Object.values(rates)) expect(text).toContain(`| ${rate.toLocaleString('en-US')} `);
  });
});
