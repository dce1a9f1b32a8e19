#!/usr/bin/env node
// Runs the long form of the fault suite: `npm run fault -- --help`.

import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { createServer } from 'vite';

const repository = fileURLToPath(new URL('..', import.meta.url));
// Loads TypeScript with the aliases of the tests.
const vite = await createServer({
  root: repository,
  configFile: join(repository, 'vitest.config.ts'),
  appType: 'custom',
  logLevel: 'warn',
  // Node 20 has no `using`.
  oxc: { target: 'es2022' },
  server: { middlewareMode: true, hmr: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
try {
  const { main } = await vite.ssrLoadModule('/test/fault/run/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} finally {
  await vite.close();
}
