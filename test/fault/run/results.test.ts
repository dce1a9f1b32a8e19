import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withTable } from './reliability-page.js';
import { Results, tableOf, type Result } from './results.js';

const docs = new URL('../../../docs/', import.meta.url);

const result = (fault: string, more: Partial<Result> = {}): Result => ({
  fault,
  seed: 1,
  server: '2.15.1',
  injections: 3,
  messages: 1_000_000,
  lost: 0,
  unfinished: 0,
  repeated: 1_234,
  violations: 0,
  recoveries: [1_200, 30, 40],
  seconds: 99,
  ...more,
});

it('docs/reliability.md has the table that `npm run fault -- --table` writes', async () => {
  const page = await readFile(new URL('reliability.md', docs), 'utf8');
  const results = await new Results(new URL('reliability.json', docs)).read();
  expect(withTable(page, results)).toBe(page);
});

it('keeps the last result of each fault, in the order of the faults', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'results-'));
  const results = new Results(join(folder, 'results.json'));
  expect(await results.read()).toEqual([]);
  await results.add(result('partition'));
  await results.add(result('kill-server'));
  await results.add(result('partition', { lost: 5 }));
  expect(await results.read()).toEqual([result('kill-server'), result('partition', { lost: 5 })]);
  await rm(folder, { recursive: true });
});

it('writes a table with the median and the worst recovery', () => {
  const lines = tableOf([result('partition')]).split('\n');
  expect(lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    '| fault | injections | messages | lost | acknowledged unfinished | other violations | handled again | recovery, median | recovery, worst |',
    expect.stringMatching(/^\| -+ \| -+: \|/),
    '| `partition` | 3 | 1,000,000 | 0 | 0 | 0 | 1,234 | 40 ms | 1,200 ms |',
  ]);
  expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
});
