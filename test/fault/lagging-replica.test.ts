import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyValue } from '../../lib/key-value/index.js';
import { NatsTestServer, NatsTestCluster } from '../../lib/testing/index.js';
import { collect, connectTo, type Client } from '../key-value/support.js';
import { eventually } from '../support/eventually.js';

/** The servers choose the replica of a consumer; in this many rounds the lagging one is chosen at least once. */
const ROUNDS = 8;
const KEYS = 300;
/** Large enough that the replica needs some time to catch up. */
const VALUE = 'x'.repeat(8_000);

describe('with a lagging replica', () => {
  let cluster: NatsTestCluster;
  let follower: NatsTestServer;
  /** Connected to the leader of the bucket. */
  let client: Client;
  let kv: KeyValue<string>;
  /** Connected to the follower. */
  let distant: Client;
  let serial = 0;

  beforeAll(async () => {
    cluster = await NatsTestCluster.start(3);
    const { keyValues, nc } = await connectTo(cluster.urls[0]);
    const bucket = await keyValues.create({ bucket: 'replicated', replicas: 3, history: 3 });
    await cluster.ready();
    const leader = (await bucket.status()).streamInfo.cluster?.leader;
    const metaLeader = await metaLeaderOf(cluster);
    await nc.close();
    const first = cluster.servers.find(({ name }) => name === leader);
    const last = cluster.servers.find(({ name }) => name !== leader && name !== metaLeader);
    if (!first || !last) throw new Error(`no follower of ${leader} and ${metaLeader}`);
    follower = last;
    client = await connectTo(first.url, { ignoreClusterUpdates: true });
    distant = await connectTo(follower.url, { ignoreClusterUpdates: true });
    kv = await client.keyValues.open('replicated');
  });
  afterAll(async () => {
    await client.nc.close();
    await distant.nc.close();
    await cluster.stop();
  });

  /** Writes while one replica is stopped, and reads while it catches up, in several rounds. */
  async function rounds<T>(
    write: (keys: readonly string[]) => Promise<unknown>,
    read: (keys: readonly string[], filter: string) => Promise<T>,
  ): Promise<T[]> {
    const results: T[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const prefix = String(++serial);
      const keys = Array.from({ length: KEYS }, (_, i) => `${prefix}.${i}`);
      follower.pause();
      let reading: Promise<T>;
      try {
        await write(keys);
        reading = read(keys, `${prefix}.>`);
        await client.nc.flush();
      } finally {
        follower.resume();
      }
      results.push(await reading);
      await cluster.ready();
    }
    return results;
  }

  const putAll = (keys: readonly string[]) => Promise.all(keys.map((key) => kv.put(key, VALUE)));

  it('lists keys that were put, and none that were deleted', async () => {
    const lists = await rounds(
      async (keys) => {
        await putAll(keys);
        await Promise.all(keys.slice(0, 100).map((key) => kv.delete(key)));
      },
      async (keys, filter) => [await collect(kv.keys(filter)), keys.slice(100)],
    );
    for (const [listed, expected] of lists) expect(listed.toSorted()).toEqual(expected.toSorted());
  });

  it('initializes a watch or a live copy only when it has all values', async () => {
    const lists = await rounds(putAll, async (keys, filter) => {
      const copying = kv.cached(filter);
      const watch = await kv.watch(filter);
      const seen = new Set<string>();
      void (async () => {
        for await (const { key, initial } of watch) if (initial) seen.add(key);
      })();
      await watch.initialized;
      // The loop above may still have to read buffered entries. Later changes are not `initial`.
      await eventually(
        () => seen.size,
        (size) => size === keys.length,
      );
      watch.stop();
      const copy = await copying;
      await copy.stop();
      return [seen.size, copy.size, keys.length];
    });
    for (const [watched, copied, expected] of lists) expect([watched, copied]).toEqual([expected, expected]);
  });

  it('returns a complete history, without purged values', async () => {
    const histories = await rounds(
      async (keys) => {
        await putAll(keys);
        await kv.put(keys[0], VALUE);
        await kv.purge(keys[0]);
        await kv.put(keys[0], VALUE);
      },
      ([key]) => kv.history(key),
    );
    for (const history of histories) {
      expect(history.map(({ operation }) => operation)).toEqual(['PURGE', 'PUT']);
    }
  });

  it('answers a consistent get from the leader, and lets a deleted key be created again', async () => {
    const far = await distant.keyValues.open<string>('replicated');
    await answersGets(follower);
    const results = await rounds(
      async (keys) => {
        await putAll(keys);
        await kv.delete(keys[KEYS - 1]);
      },
      async (keys) => {
        const made = far.create(keys[KEYS - 1], 'again');
        const got = await far.get(keys[KEYS - 2], { consistent: true });
        return [got?.value === VALUE, (await made) === (await kv.status()).streamInfo.state.lastSequence];
      },
    );
    expect(results).toEqual(Array.from({ length: ROUNDS }, () => [true, true]));
  });

  it('decides that nothing has to change by the state of the leader', async () => {
    const far = await distant.keyValues.open<string>('replicated');
    await answersGets(follower);
    const values = await rounds(
      async (keys) => {
        await putAll(keys);
        await kv.put(keys[KEYS - 1], 'last');
      },
      async (keys) => {
        const seen: (string | undefined)[] = [];
        const { value, changed } = await far.modify(keys[KEYS - 1], (current) => void seen.push(current));
        return [value, changed, seen.at(-1)];
      },
    );
    expect(values).toEqual(Array.from({ length: ROUNDS }, () => ['last', false, 'last']));
  });
});

async function metaLeaderOf({ servers: [server] }: NatsTestCluster): Promise<string> {
  const jsz = JSON.parse(await page(server, '/jsz')) as {
    readonly meta_cluster: { readonly leader: string };
  };
  return jsz.meta_cluster.leader;
}

/** A replica answers gets only after it has been up to date for a while. */
async function answersGets(server: NatsTestServer): Promise<void> {
  await eventually(
    () => page(server, '/subsz?subs=1&test=$JS.API.DIRECT.GET.KV_replicated'),
    (subscriptions) => subscriptions.includes('DIRECT.GET.KV_replicated'),
  );
}

async function page({ monitoringUrl }: NatsTestServer, path: string): Promise<string> {
  return (await fetch(monitoringUrl + path)).text();
}
