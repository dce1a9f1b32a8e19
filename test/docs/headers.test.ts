import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const lib = `${repository}lib/`;

/** A name with a hyphen in which each part begins with a capital letter; prefixes of names end with a hyphen. */
const NAME = /[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)*-?/;
const WHOLE = new RegExp(`^${NAME.source}(?:: )?$`);
const WITH_COLON = new RegExp(`${NAME.source}(?=: )`, 'g');
/** A row of the page about one header. */
const ROW = /^\| `([A-Z][A-Za-z]*-[\w-]*…?)`/;
/** Literals of that form that are not headers. */
const OTHER = new Set(['Key-Value']);

describe('docs/headers.md', () => {
  it('lists every header of the source code, and each once', async () => {
    const page = await readFile(`${repository}docs/headers.md`, 'utf8');
    const listed = page
      .split('\n')
      .flatMap((line) => [...(ROW.exec(line)?.slice(1) ?? [])])
      .map((name) => name.replace('…', ''));
    expect(listed.toSorted()).toEqual([...(await headersInCode())].toSorted());
  });

  it('says for each header whether it is written or read, and its value', async () => {
    const page = await readFile(`${repository}docs/headers.md`, 'utf8');
    const rows = page.split('\n').filter((line) => ROW.test(line));
    expect(rows.length).toBeGreaterThan(40);
    for (const row of rows) {
      const [, , direction = '', ...cells] = row.split('|').map((cell) => cell.trim());
      expect(['W', 'R', 'W, R'], row).toContain(direction);
      expect(cells[0], row).not.toBe('');
    }
  });
});

/** The headers that string and regular-expression literals of the library name. */
async function headersInCode(): Promise<ReadonlySet<string>> {
  const files = (await readdir(lib, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const found = await Promise.all(files.map(async (file) => headersIn(await readFile(lib + file, 'utf8'))));
  return new Set(found.flat().filter((name) => name.includes('-') && name !== 'Nats-' && !OTHER.has(name)));
}

function headersIn(code: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && WHOLE.test(node.text)) found.push(node.text.replace(': ', ''));
    else if (ts.isRegularExpressionLiteral(node)) found.push(...(node.text.match(WITH_COLON) ?? []));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('code.ts', code, ts.ScriptTarget.Latest, true));
  return found;
}
