#!/usr/bin/env node
// Writes the scripts and styles in `browser` as modules of the library, so that the built library needs no files beside its
// code. The scripts of the AsyncAPI page are stripped of their types; those of the board are bundled and minified. `--check`
// fails if a module is not up to date.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const PAGES = [
  {
    source: 'browser/asyncapi-page',
    target: 'lib/asyncapi/page/browser-assets.ts',
    constant: 'PAGE_ASSETS',
    comment: 'The scripts and styles of the page, by their names.',
    assets: (folder) =>
      readdirSync(folder)
        .toSorted()
        .map((file) => stripped(folder, file)),
  },
  {
    source: 'browser/board',
    target: 'lib/board/http/browser-assets.ts',
    constant: 'BOARD_ASSETS',
    comment: 'The script and the style of the page, by their names.',
    assets: async (folder) => [
      await bundled(folder, 'board.css'),
      await bundled(folder, 'main.tsx', 'board.js'),
    ],
  },
];

for (const page of PAGES) {
  const target = join(root, page.target);
  const written = await format(await moduleOf(page), { ...(await resolveConfig(target)), filepath: target });
  if (!process.argv.includes('--check')) writeFileSync(target, written);
  else if (readFileSync(target, 'utf8') !== written) {
    console.error(`${page.target} is not up to date. Run \`npm run page-assets\`.`);
    process.exitCode = 1;
  }
}

async function moduleOf({ source, constant, comment, assets }) {
  const entries = await assets(join(root, source));
  return `// Written by scripts/page-assets.mjs from ${source}; do not change it here.
import type { Asset } from '../../pages/index.js';

/** ${comment} */
export const ${constant}: ReadonlyMap<string, Asset> = new Map([
${entries.map(({ name, ...asset }) => `[${JSON.stringify(name)}, ${JSON.stringify(asset)}],`).join('\n')}
]);
`;
}

function stripped(folder, file) {
  const content = readFileSync(join(folder, file), 'utf8');
  return assetOf(file.replace(/\.ts$/, '.js'), file.endsWith('.ts') ? scriptOf(content) : content);
}

function scriptOf(content) {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ES2022,
    removeComments: true,
  };
  return ts.transpileModule(content, { compilerOptions }).outputText;
}

/** The license of each bundled package is in the bundle, as it demands. */
async function bundled(folder, entry, name = entry) {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(folder, entry)],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16'],
    tsconfig: join(root, 'browser/tsconfig.json'),
    charset: 'utf8',
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap((file) => /^node_modules\/([^/]+)\//.exec(file)?.[1] ?? []),
  );
  const licenses = [...packages]
    .toSorted()
    .map(
      (each) =>
        `/*!\n${each}\n\n${readFileSync(join(root, 'node_modules', each, 'LICENSE'), 'utf8').trim()}\n*/\n`,
    );
  return assetOf(name, licenses.join('') + outputFiles[0].text);
}

function assetOf(name, text) {
  return {
    name,
    type: `text/${name.endsWith('.js') ? 'javascript' : 'css'}; charset=utf-8`,
    hash: createHash('sha256').update(text).digest('base64url').slice(0, 22),
    text,
  };
}
