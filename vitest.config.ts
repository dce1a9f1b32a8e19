import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';

const lib = (path: string) => fileURLToPath(new URL(`./lib/${path}`, import.meta.url));
const sources = lib('');
const build = fileURLToPath(new URL('./dist/cjs/', import.meta.url));
const modules = fileURLToPath(new URL('./dist/esm/', import.meta.url));

/** Loads the build of the library, which `npm test` has just made, instead of compiling its sources for each file. */
const fromBuild: Plugin = {
  name: 'library-from-build',
  enforce: 'pre',
  async resolveId(id, importer, options) {
    const resolved = await this.resolve(id, importer, { ...options, skipSelf: true });
    if (!resolved?.id.startsWith(sources)) return null;
    const file = resolved.id.slice(sources.length).replace(/\.ts$/, '.js');
    // The matchers for vitest exist as an ES module only.
    return { id: (file.startsWith('testing/vitest/') ? modules : build) + file, external: true };
  },
};
// A module of the library is replaced for the client's own links, which is only possible in its sources.
const isBuilt =
  (process.env.CI !== undefined || process.env.npm_lifecycle_event === 'test') &&
  process.env.TEST_WIRE !== 'client' &&
  existsSync(`${build}index.js`);

export default defineConfig({
  plugins: isBuilt ? [fromBuild] : [],
  resolve: {
    alias: [
      { find: /^nestjs-nats-jetstream$/, replacement: lib('index.ts') },
      { find: /^nestjs-nats-jetstream\/(.+)$/, replacement: lib('$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // These are about links of this library, or compare both kinds.
    exclude: process.env.TEST_WIRE === 'client' ? ['test/connection/{links,tls,wire}.test.ts'] : [],
    setupFiles: ['test/support/unhandled/setup.ts', 'test/support/wire-of-the-client.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    server: { deps: { external: [/\/dist\/(cjs|esm)\//] } },
    pool: 'forks',
    // Tests mostly wait: for servers, timeouts and backoffs.
    maxWorkers: 4,
    // In CI, servers, elections and processes share the two cores of a small machine, so failed tests are retried.
    retry: process.env.CI ? 2 : 0,
  },
});
