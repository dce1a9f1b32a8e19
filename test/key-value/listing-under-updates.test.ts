import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyValue } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, collect, connectTo, startServer, uniqueName } from './support.js';

const KEYS = 40;

/** All keys except the first. */
const OTHERS = Array.from({ length: KEYS - 1 }, (_, i) => `k.${i + 1}`);

/** Methods that list the same keys while another client updates them continuously. */
describe.each(['2.15', '2.9'])(
  'while another client updates its keys, a bucket on nats-server %s',
  (version) => {
    let server: NatsTestServer;
    let client: Client;
    let writer: Client;

    beforeAll(async () => {
      server = await startServer(version);
      client = await connectTo(server.url);
      writer = await connectTo(server.url);
    });
    afterAll(async () => {
      await client.nc.close();
      await writer.nc.close();
      await server.stop();
    });

    const cases: [string, number, (kv: KeyValue<number>) => Promise<Iterable<string>>][] = [
      ['keys() of a bucket without a history', 1, (kv) => collect(kv.keys())],
      ['keys() of a bucket with a history', 3, (kv) => collect(kv.keys())],
      ['keys() with a filter', 1, (kv) => collect(kv.keys('k.*'))],
      [
        'a watch until it is initialized',
        1,
        async (kv) => {
          const watch = await kv.watch();
          const heard = new Set<string>();
          let initialized = false;
          void watch.initialized.then(() => (initialized = true));
          for await (const { key } of watch) {
            if (initialized) break;
            heard.add(key);
            await Promise.resolve();
          }
          return heard;
        },
      ],
      [
        'a live copy',
        1,
        async (kv) => {
          await using cached = await kv.cached();
          return [...cached.keys()];
        },
      ],
      ['keys() of one key', 1, async (kv) => [...(await collect(kv.keys('k.0'))), ...OTHERS]],
      ['a filtered listing of a bucket with a history', 2, (kv) => collect(kv.keys('k.>'))],
    ];

    it.each(cases)('lists every key that has a value all the time: %s', async (_, history, list) => {
      const bucket = uniqueName('busy');
      const kv = await client.keyValues.create<number>({ bucket, history, storage: 'memory' });
      const theirs = await writer.keyValues.open<number>(bucket);
      const expected = Array.from({ length: KEYS }, (_value, i) => `k.${i}`);
      for (const key of expected) await kv.put(key, 0);
      let writing = true;
      const update = (async () => {
        for (let round = 1; writing; round++) {
          await Promise.all(expected.toReversed().map((key) => theirs.put(key, round)));
        }
      })();
      let incomplete = 0;
      for (let i = 0; i < 30; i++) {
        const listed = new Set(await list(kv));
        if (!expected.every((key) => listed.has(key))) incomplete++;
      }
      writing = false;
      await update;
      expect(incomplete).toBe(0);
      await client.keyValues.delete(bucket);
    });
  },
);
