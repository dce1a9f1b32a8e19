import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const pages = [
  'README.md',
  ...(await readdir(`${repository}docs`))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The packages whose names are not exported by the root of this package: its other entries, and clients of NATS. */
const OTHER = /^(nestjs-nats-jetstream\/\w+|@nats-io\/.+|nats)$/;

describe.each(pages)('%s', (page) => {
  it('imports each name that it uses of the client or of another entry, or names its origin', async () => {
    const text = await readFile(repository + page, 'utf8');
    const snippets = [...text.matchAll(MARKER)].map(([, file = '', region = '']) => ({ file, region }));
    const used = new Map<string, string>();
    const shown = new Set<string>();
    for (const { file, region } of snippets) {
      const names = await namesIn(file, region);
      for (const [name, from] of names.used) used.set(name, from);
      for (const name of names.imported) shown.add(name);
    }
    const missing = [...used].filter(([name, from]) => !shown.has(name) && !text.includes(`\`${from}\``));
    expect(missing).toEqual([]);
  });
});

const MARKER = /^<!-- snippet: ([\w./-]+\.ts)#([\w-]+) -->$/gm;

interface Names {
  /** The names of these packages that the region uses, with the package. */
  readonly used: ReadonlyMap<string, string>;
  /** The names that it imports. */
  readonly imported: ReadonlySet<string>;
}

async function namesIn(file: string, region: string): Promise<Names> {
  const code = await readFile(`${repository}docs/snippets/${file}`, 'utf8');
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true);
  const start = code.search(new RegExp(`^\\s*// #region ${region}$`, 'm'));
  const end = code.indexOf('// #endregion', start);
  const isShown = (node: ts.Node): boolean => node.getStart() > start && node.getEnd() < end;
  const origins = new Map<string, string>();
  const imported = new Set<string>();
  for (const statement of source.statements.filter((node) => ts.isImportDeclaration(node))) {
    const from = (statement.moduleSpecifier as ts.StringLiteral).text;
    const bindings = statement.importClause?.namedBindings;
    if (!OTHER.test(from) || bindings === undefined || !ts.isNamedImports(bindings)) continue;
    for (const { name } of bindings.elements) {
      origins.set(name.text, from);
      if (isShown(statement)) imported.add(name.text);
    }
  }
  const used = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    const from = ts.isIdentifier(node) ? origins.get(node.text) : undefined;
    if (from !== undefined && ts.isIdentifier(node) && isShown(node) && isUse(node))
      used.set(node.text, from);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { used, imported };
}

/** Whether an identifier is a value or a type, not the name of a property. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name !== node;
  return !((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node);
}
