import { describe, expect, it } from 'vitest';
import type { KeyValue } from '../../lib/key-value/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, collect, connectTo } from './support.js';

const KEYS = Array.from({ length: 400 }, (_, i) => `k.${i}`);

/** The subject to which the server diverts questions for the last message of a bucket, where it has no reply. */
const NOWHERE = 'nowhere';

interface Listing extends AsyncDisposable {
  readonly kv: KeyValue<number>;
}

/** Another client updates the keys until the end. @param unanswered the share of questions without an answer */
async function startUpdates(version: string, unanswered: string): Promise<Listing> {
  const server = await NatsTestServer.start({
    version,
    config: { mappings: { '$JS.API.STREAM.MSG.GET.KV_B': [{ destination: NOWHERE, weight: unanswered }] } },
  });
  const clients: Client[] = [await connectTo(server.url), await connectTo(server.url)];
  const [reader, writer] = clients;
  reader.nc.subscribe(NOWHERE, { callback: () => undefined });
  const kv = await reader.keyValues.create<number>({ bucket: 'B', storage: 'memory' });
  const theirs = await writer.keyValues.open<number>('B');
  await Promise.all(KEYS.map((key) => kv.put(key, 0)));
  let updating = true;
  const updates = (async () => {
    while (updating) {
      const some = KEYS.filter(() => Math.random() < 0.1);
      await Promise.all(some.map((key) => theirs.put(key, 1)));
    }
  })();
  return {
    kv,
    async [Symbol.asyncDispose]() {
      updating = false;
      await updates;
      for (const { nc } of clients) await nc.close();
      await server.stop();
    },
  };
}

async function lists({ kv }: Listing): Promise<Set<string>[]> {
  return Promise.all(Array.from({ length: 20 }, async () => new Set(await collect(kv.keys()))));
}

function missing(all: readonly Set<string>[]): number[] {
  return all.map((list) => KEYS.filter((key) => !list.has(key)).length).filter((count) => count > 0);
}

describe.each(['2.15', '2.9'])(
  'on nats-server %s, lists contain every key that is being updated',
  (version) => {
    it.each(['50%', '100%'])('while %s of the questions to the leader remain unanswered', async (share) => {
      await using listing = await startUpdates(version, share);
      expect(missing(await lists(listing))).toEqual([]);
    });
  },
);
