import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StorageType } from '../../lib/jetstream/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { ConnectedPublisher } from '../jetstream/publishing/connected-publisher.js';
import { eventually } from '../support/eventually.js';

const EVENTS = 50_000;
const KILLS = 5;

const repository = fileURLToPath(new URL('../../', import.meta.url));
// Under node_modules, so that the built file finds its dependencies.
const built = join(repository, 'node_modules', '.cache', `events-service-${process.pid}`);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'events-'));
  await build({
    root: repository,
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: 'test/fault/fixtures/events-service.ts',
      outDir: built,
      rolldownOptions: { output: { entryFileNames: 'events-service.mjs' } },
    },
  });
});
afterAll(async () => {
  await rm(built, { recursive: true });
  await rm(folder, { recursive: true });
});

it(
  'handles all of fifty thousand durable events while their service is killed and restarted five times',
  { timeout: 120_000 },
  async () => {
    await using server = await NatsTestServer.start();
    await using client = await ConnectedPublisher.connect(server, { idempotent: true });
    await client.createStream({ name: 'EVENTS', subjects: ['events.>'], storage: StorageType.File });
    const journal = join(folder, 'journal');
    const handled = async (): Promise<number[]> =>
      (await readFile(journal, 'utf8').catch(() => '')).split('\n').filter(Boolean).map(Number);
    let service: ChildProcess | undefined;
    const start = (): void => {
      service = spawn(process.execPath, [join(built, 'events-service.mjs'), server.url, journal], {
        stdio: 'inherit',
      });
    };

    start();
    const published = (async () => {
      for (let id = 0; id < EVENTS; id++) {
        await client.publisher.publishAsyncReady();
        client.publisher.publishAsync(`events.${id % 10}`, id);
      }
      await client.publisher.publishAsyncComplete();
    })();
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        const enough = Math.floor((EVENTS * kill) / (KILLS + 2));
        await eventually(
          async () => (await handled()).length,
          (count) => count >= enough,
          60_000,
        );
        service?.kill('SIGKILL');
        if (service) await once(service, 'exit');
        start();
      }
      await published;
      const consumer = await client.jetstream.consumer('EVENTS', 'worker');
      const { delivered } = await eventually(
        () => consumer.info(),
        ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
        60_000,
      );
      // Events in flight when the service was killed were redelivered; otherwise the test would prove nothing.
      expect(delivered.consumerSequence).toBeGreaterThan(EVENTS);
    } finally {
      service?.kill('SIGKILL');
    }

    expect(new Set(await handled()).size).toBe(EVENTS);
  },
);
