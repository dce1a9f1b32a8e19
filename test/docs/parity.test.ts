import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const page = new URL('../../docs/parity.md', import.meta.url);
const rows = (await readFile(page, 'utf8')).split('\n').filter(isRow).map(toRow);

describe('docs/parity.md', () => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(100);
  });

  it.each(rows)('$what refers to existing tests', async ({ tests }) => {
    const proofs = tests.split('<br>').map((proof) => PROOF.exec(proof)?.groups);
    for (const { file = '', titles = '' } of proofs.map((proof) => proof ?? {})) {
      expect(file, tests).not.toBe('');
      const source = await readFile(new URL(file, page), 'utf8');
      for (const [, title = ''] of titles.matchAll(/`([^`]+)`/g)) expect(titlesOf(source)).toContain(title);
    }
  });
});

/** A test file and the titles of tests in it. */
const PROOF = /^\[[^\]]+\]\((?<file>\.\.\/test\/[\w./-]+\.test\.ts)\): (?<titles>`[^`]+`(?:, `[^`]+`)*)$/;

interface Row {
  readonly what: string;
  readonly tests: string;
}

function isRow(line: string): boolean {
  return line.startsWith('|') && !/^\| (Go|---|-+) /.test(line);
}

function toRow(line: string): Row {
  const cells = line.split('|').map((cell) => cell.trim());
  return { what: cells[1] ?? '', tests: cells.at(-2) ?? '' };
}

/** The string literals of a test file, including its titles. None spans lines, so apostrophes in comments are safe. */
function titlesOf(source: string): readonly string[] {
  return [...source.matchAll(/(['"])((?:\\.|(?!\1).)*)\1/g)].map(([, , text = '']) => text);
}
