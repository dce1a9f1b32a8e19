// Builds the package as CommonJS, and ES module entries that re-export it. A process therefore has one implementation,
// even if an application mixes both module systems: class tokens and `instanceof` agree.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative } from 'node:path';

const require = createRequire(import.meta.url);
rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
  {
    stdio: 'inherit',
  },
);
if (status !== 0) process.exit(1);
// The package is `"type": "module"`; this marks the tree as CommonJS.
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n');

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const entry of Object.values(exports)) {
  if (entry.import !== undefined) writeModuleEntry(entry.import, entry.require);
}

/** Names every export, because the static analysis of CommonJS misses some of them in some loaders. */
function writeModuleEntry(target, source) {
  const from = (file, to) => relative(dirname(file), to).replaceAll('\\', '/');
  const library = require(`../${source.default}`);
  const names = Object.keys(library).filter((name) => name !== 'default');
  mkdirSync(dirname(target.default), { recursive: true });
  writeFileSync(
    target.default,
    `import library from '${from(target.default, source.default)}';\n\n` +
      `export const {\n${names.map((name) => `  ${name},\n`).join('')}} = library;\n`,
  );
  writeFileSync(target.types, `export * from '${from(target.types, source.default)}';\n`);
}
