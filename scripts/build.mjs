// Builds the package twice from one source, both at once: ES modules and CommonJS, each with its own types.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
rmSync('dist', { recursive: true, force: true });
const succeeded = await Promise.all(
  ['tsconfig.esm.json', 'tsconfig.cjs.json'].map(async (project) => {
    const [code] = await once(spawn(process.execPath, [tsc, '-p', project], { stdio: 'inherit' }), 'exit');
    return code === 0;
  }),
);
if (succeeded.includes(false)) process.exit(1);
// The package is `"type": "module"`; this marks the second tree as CommonJS.
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n');
