#!/usr/bin/env node
// Writes lib/asyncapi/page/browser-assets.ts: the scripts and styles of `browser/asyncapi-page` as a module, so that the
// built library needs no files beside its code. Scripts are stripped of their types and not bundled. `--check` fails if the
// module is not up to date.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'browser/asyncapi-page');
const target = join(root, 'lib/asyncapi/page/browser-assets.ts');

const assets = readdirSync(source).toSorted().map(assetOf);
const module = `// Written by scripts/page-assets.mjs from browser/asyncapi-page; do not change it here.
import type { Asset } from '../../pages/index.js';

/** The scripts and styles of the page, by their names. */
export const PAGE_ASSETS: ReadonlyMap<string, Asset> = new Map([
${assets.map(({ name, ...asset }) => `[${JSON.stringify(name)}, ${JSON.stringify(asset)}],`).join('\n')}
]);
`;
const written = await format(module, { ...(await resolveConfig(target)), filepath: target });
if (!process.argv.includes('--check')) writeFileSync(target, written);
else if (readFileSync(target, 'utf8') !== written) {
  console.error('lib/asyncapi/page/browser-assets.ts is not up to date. Run `npm run page-assets`.');
  process.exitCode = 1;
}

function assetOf(file) {
  const content = readFileSync(join(source, file), 'utf8');
  const isScript = file.endsWith('.ts');
  const text = isScript ? scriptOf(content) : content;
  return {
    name: file.replace(/\.ts$/, '.js'),
    type: `text/${isScript ? 'javascript' : 'css'}; charset=utf-8`,
    hash: createHash('sha256').update(text).digest('base64url').slice(0, 22),
    text,
  };
}

function scriptOf(content) {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ES2022,
    removeComments: true,
  };
  return ts.transpileModule(content, { compilerOptions }).outputText;
}
