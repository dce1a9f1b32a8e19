import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const lib = (path: string) => fileURLToPath(new URL(`./lib/${path}`, import.meta.url));

export default defineConfig({
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
    pool: 'forks',
    // Tests mostly wait: for servers, timeouts and backoffs.
    maxWorkers: 4,
    // In CI, servers, elections and processes share the two cores of a small machine, so failed tests are retried.
    retry: process.env.CI ? 2 : 0,
  },
});
