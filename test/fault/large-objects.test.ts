import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatsTestCluster, NatsTestServer } from '../../lib/testing/index.js';

const MIB = 1_048_576;
/** Of the process, in bytes. Newer versions of V8 have a young generation of twice the size, and free buffers later. */
const MOST_MEMORY = Number(process.versions.node.split('.', 1)[0]) < 22 ? 200_000_000 : 350_000_000;
const repository = fileURLToPath(new URL('../../', import.meta.url));
// Under node_modules, so that the built file finds its dependencies.
const built = join(repository, 'node_modules', '.cache', `transfer-object-${process.pid}`);

describe('a large object', () => {
  beforeAll(async () => {
    await build({
      root: repository,
      configFile: false,
      logLevel: 'silent',
      build: {
        ssr: 'test/fault/fixtures/transfer-object.ts',
        outDir: built,
        rolldownOptions: { output: { entryFileNames: 'transfer-object.mjs' } },
      },
    });
  });
  afterAll(() => rm(built, { recursive: true }));

  /** Puts and reads an object in its own process. */
  async function transfer(servers: string, mebibytes: number, replicas: number): Promise<Transfer> {
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(built, 'transfer-object.mjs'),
      servers,
      String(mebibytes),
      String(replicas),
    ]);
    return JSON.parse(stdout) as Transfer;
  }

  it(`of 2 GiB is put and read with less than ${MOST_MEMORY / 1e6} MB of memory`, async () => {
    await using server = await NatsTestServer.start();
    const { put, got, messages, peakMemory } = await transfer(server.url, 2_048, 1);
    expect(put).toMatchObject({ size: 2_048 * MIB, chunks: 16_384 });
    expect(got).toEqual({ size: put.size, digest: put.digest });
    expect(messages).toBe(16_384 + 1);
    expect(peakMemory).toBeLessThan(MOST_MEMORY);
  }, 300_000);

  it('of 1 GiB is put into a bucket of three replicas and read from it', async () => {
    await using cluster = await NatsTestCluster.start(3);
    const { put, got, messages } = await transfer(cluster.urls.join(','), 1_024, 3);
    expect(put).toMatchObject({ size: 1_024 * MIB, chunks: 8_192 });
    expect(got).toEqual({ size: put.size, digest: put.digest });
    expect(messages).toBe(8_192 + 1);
  }, 600_000);
});

interface Transfer {
  readonly put: { readonly size: number; readonly chunks: number; readonly digest: string };
  readonly got: { readonly size: number; readonly digest: string };
  readonly messages: number;
  readonly peakMemory: number;
}
