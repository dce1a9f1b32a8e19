import { readFile, writeFile } from 'node:fs/promises';
import { tableOf, type Result } from './results.js';

const BEGIN = '<!-- results of the last long run, written by `npm run fault -- --table` -->';
const END = '<!-- end of the results -->';

/** The text of `docs/reliability.md` with the table of these results. @throws Error if its marks are missing */
export function withTable(page: string, results: readonly Result[]): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end === -1) throw new Error('the marks of the table are missing in the page');
  const table = results.length > 0 ? tableOf(results) : 'No long run is recorded yet.';
  return `${page.slice(0, begin)}${BEGIN}\n\n${table}\n\n${page.slice(end)}`;
}

/** Writes the table into the page. */
export async function writeTable(file: string, results: readonly Result[]): Promise<void> {
  await writeFile(file, withTable(await readFile(file, 'utf8'), results));
}
