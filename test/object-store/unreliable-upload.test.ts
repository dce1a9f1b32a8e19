import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ObjectTransferStalledError, PublishTimeoutError } from '../../lib/errors/index.js';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { ObjectStores } from './object-stores.js';
import { interfere, type Fate } from './unreliable-connection.js';

const DATA = randomBytes(2_000_000);
const CHUNK_SIZE = 50_000;
const CHUNKS = 40;
const LATEST = 150;

const FAULTS: readonly (readonly [string, (publish: number) => Fate | undefined])[] = [
  ['the first chunk is lost', (n) => (n === 0 ? 'lost' : undefined)],
  ['a chunk is lost', (n) => (n === 7 ? 'lost' : undefined)],
  ['the last chunk is lost', (n) => (n === CHUNKS - 1 ? 'lost' : undefined)],
  ['several chunks in a row are lost', (n) => (n >= 5 && n < 12 ? 'lost' : undefined)],
  ['all acknowledgements are lost for a while', (n) => (n < 15 ? 'ack lost' : undefined)],
  ['the first chunk is refused', (n) => (n === 0 ? 'refused' : undefined)],
  ['many chunks are refused', (n) => (n >= 3 && n < 12 ? 'refused' : undefined)],
  ['a chunk is stored after later ones', (n) => (n === 3 ? { delayed: 20 } : undefined)],
  ['a chunk arrives after it was sent again', (n) => (n === 3 ? { delayed: LATEST } : undefined)],
  ['an acknowledgement is lost', (n) => (n === 7 ? 'ack lost' : undefined)],
  ['every fifth chunk is refused', (n) => (n % 5 === 4 ? 'refused' : undefined)],
  ['chunks arrive in a random order', () => ({ delayed: Math.random() * 20 })],
  [
    'chunks are lost, refused and late at random',
    (n) => {
      if (n > 60 || Math.random() > 0.3) return undefined;
      return (['lost', 'refused', 'ack lost', { delayed: 100 }] as const)[Math.floor(Math.random() * 4)];
    },
  ],
];

describe.each(['2.15', '2.10', '2.9'])(
  'an upload on an unreliable connection, on nats-server %s',
  (version) => {
    let server: NatsTestServer;
    let stores: ObjectStores;
    let store: ObjectStore;

    beforeAll(async () => {
      server = await NatsTestServer.start({ version });
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      stores = await ObjectStores.connect(server.url, { timeout: 100 });
      store = await stores.service.create({ bucket: 'B', storage: 'memory' });
    });
    afterEach(async () => {
      await stores.service.delete('B');
      await stores[Symbol.asyncDispose]();
    });

    const put = (options = {}): Promise<unknown> =>
      store.putBytes({ name: 'a', chunkSize: CHUNK_SIZE }, DATA, { timeout: 60, ...options });

    it.each(version === '2.15' ? FAULTS : FAULTS.slice(-4))(
      'stores each chunk once and in order when %s',
      async (_, fate) => {
        interfere(stores.jetstream.connection, fate);
        await put();
        expect(await stores.messages('B', 'C')).toBe(CHUNKS);
        expect((await store.getBytes('a')).equals(DATA)).toBe(true);
        // Delayed publishes arrive now, and must not be stored again.
        await sleep(LATEST);
        expect(await stores.messages('B', 'C')).toBe(CHUNKS);
      },
    );

    it.each<[string, Fate]>([
      ['lost', 'lost'],
      ['stored without an acknowledgement', 'ack lost'],
      ['late', { delayed: 120 }],
    ])('describes the object once when the description is %s', async (_, fate) => {
      interfere(stores.jetstream.connection, (n) => (n < 2 ? fate : undefined), 'M');
      const { revision } = await store.putString('a', 'content');
      expect((await store.info('a')).revision).toBe(revision);
      await sleep(LATEST);
      expect((await store.info('a')).revision).toBe(revision);
      expect(await store.getString('a')).toBe('content');
    });

    it('keeps the chunks if it is unknown whether the description is stored', async () => {
      interfere(stores.jetstream.connection, () => 'lost', 'M');
      await expect(store.putString('a', 'content')).rejects.toThrow(PublishTimeoutError);
      expect(await stores.messages('B', 'C')).toBe(1);
    });

    it('fails if no chunk arrives, and leaves none behind', async () => {
      interfere(stores.jetstream.connection, (n) => (n >= 10 ? 'refused' : undefined));
      const failure = put({ stallTimeout: 500 });
      await expect(failure).rejects.toThrow(ObjectTransferStalledError);
      await expect(failure).rejects.toMatchObject({ bucket: 'B', object: 'a', stallTimeout: 500 });
      expect(await stores.messages('B', 'C')).toBe(0);
      expect(await stores.messages('B', 'M')).toBe(0);
    });
  },
);

it('an upload to a server with a full queue stores each chunk once and in order', async () => {
  const config = 'jetstream { max_buffered_msgs: 4, max_buffered_size: 500000 }';
  await using server = await NatsTestServer.start({ config });
  await using stores = await ObjectStores.connect(server.url);
  const store = await stores.service.create({ bucket: 'B' });
  let refusals = 0;
  stores.nc.subscribe('_INBOX.>', {
    callback: (_, message) => {
      if (message.string().includes('"err_code":10167')) refusals++;
    },
  });
  const data = randomBytes(32 * 1_048_576);
  // Whether the server falls behind is a race, so uploads are repeated until the server rejects a chunk.
  for (let attempt = 0; attempt < 20 && refusals === 0; attempt++) await store.putBytes('a', data);
  expect(refusals).toBeGreaterThan(0);
  expect(await stores.messages('B', 'C')).toBe(256);
  expect((await store.getBytes('a')).equals(data)).toBe(true);
});
