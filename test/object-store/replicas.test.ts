import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestCluster } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

const MIB = 1_048_576;

describe('a bucket of three replicas', () => {
  let cluster: NatsTestCluster;
  let stores: ObjectStores;
  let store: ObjectStore;

  beforeAll(async () => {
    cluster = await NatsTestCluster.start(3);
    stores = await ObjectStores.connect(cluster.urls);
    store = await stores.service.create({ bucket: 'B', replicas: 3 });
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await cluster.stop();
  });

  /** Kills the leader of the bucket's stream, and restarts it. */
  async function killLeader(): Promise<void> {
    const { cluster: group } = await stores.jsm.streams.info('OBJ_B');
    const leader = cluster.servers.find(({ name }) => name === group?.leader);
    await leader?.kill();
    await sleep(300);
    await leader?.restart();
  }

  it('reads, lists and watches a new object at once even if a replica lags', async () => {
    expect((await store.status()).replicas).toBe(3);
    for (let i = 0; i < 25; i++) {
      const data = randomBytes(MIB);
      await store.putBytes(`object ${i}`, data);
      expect((await store.getBytes(`object ${i}`)).equals(data)).toBe(true);
      expect((await collect(store.list())).length).toBe(i + 1);
    }
    await store.delete('object 0');
    expect((await collect(store.list())).length).toBe(24);
  }, 60_000);

  it('lists and watches completely even if a replica lags', async () => {
    const target = await store.putString('target', 'content');
    const leader = (await stores.jsm.streams.info('OBJ_B')).cluster?.leader;
    const follower = cluster.servers.find(({ name }) => name !== leader);
    const near = await ObjectStores.connect(cluster.servers.find(({ name }) => name === leader)?.url ?? '');
    const writer = await near.service.open('B');
    for (let round = 0; round < 4; round++) {
      const names = Array.from({ length: 300 }, (_, i) => `${round}.${i}`);
      follower?.pause();
      let reading: Promise<string[]>;
      let watching: Promise<string[]>;
      try {
        await Promise.all(names.map((name) => writer.addLink(name, target)));
        await writer.delete(names[0]);
        reading = collect(writer.list()).then((list) => list.map(({ name }) => name));
        watching = initialNames(writer);
        await near.nc.flush();
      } finally {
        follower?.resume();
      }
      const expected = names.slice(1).toSorted();
      const ofRound = (list: readonly string[]): string[] =>
        list.filter((name) => name.startsWith(`${round}.`)).toSorted();
      expect(ofRound(await reading)).toEqual(expected);
      expect(ofRound(await watching)).toEqual(expected);
      await cluster.ready();
    }
    await near[Symbol.asyncDispose]();
  }, 120_000);

  it('continues all operations while leaders are elected, and leaves no chunk', async () => {
    let electing = true;
    const elect = async (): Promise<void> => {
      for (let i = 0; electing; i++) {
        await stores.nc
          .request('$JS.API.STREAM.LEADER.STEPDOWN.OBJ_B', '', { timeout: 2_000 })
          .catch(() => undefined);
        if (i % 3 === 0)
          await stores.nc
            .request('$JS.API.META.LEADER.STEPDOWN', '', { timeout: 2_000 })
            .catch(() => undefined);
        await sleep(300);
      }
    };
    const done = elect();
    const failures: string[] = [];
    const attempt = async (what: string, act: () => Promise<unknown>): Promise<void> => {
      await act().catch((error: unknown) => failures.push(`${what}: ${String(error)}`));
    };
    for (let round = 0; round < 12; round++) {
      const data = randomBytes(200_000);
      await attempt('put', () => store.putBytes('elected', data));
      await attempt('get', async () => expect((await store.getBytes('elected')).equals(data)).toBe(true));
      await attempt('info', () => store.info('elected'));
      await attempt('list', async () =>
        expect((await collect(store.list())).map(({ name }) => name)).toContain('elected'),
      );
      await attempt('updateMeta', () => store.updateMeta('elected', { description: `round ${round}` }));
      await attempt('status', () => store.status());
      await attempt('put', () => store.putBytes('deleted', data));
      await attempt('delete', () => store.delete('deleted'));
    }
    electing = false;
    await done;
    expect(failures).toEqual([]);
    await cluster.ready();
    const count = async (): Promise<number> => {
      let chunks = 0;
      for await (const info of store.list()) chunks += info.chunks;
      return (await stores.messages('B', 'C')) - chunks;
    };
    await expect.poll(count, { timeout: 20_000, interval: 500 }).toBe(0);
  }, 120_000);

  it('puts and reads an object while its leader is killed', async () => {
    const data = randomBytes(32 * MIB);
    async function* source(): AsyncGenerator<Uint8Array> {
      let killed: Promise<void> | undefined;
      for (let offset = 0; offset < data.length; offset += MIB) {
        if (offset === 8 * MIB) killed = killLeader();
        yield data.subarray(offset, offset + MIB);
      }
      await killed;
    }
    const info = await store.put('large', source(), { timeout: 1_000 });
    await cluster.ready();
    const { state } = await stores.jsm.streams.info('OBJ_B', { subjects_filter: `$O.B.C.${info.nuid}` });
    expect(Object.values(state.subjects ?? {})).toEqual([256]);

    const pieces: Buffer[] = [];
    let killed: Promise<void> | undefined;
    for await (const piece of await store.get('large')) {
      pieces.push(piece as Buffer);
      if (pieces.length === 100) killed = killLeader();
    }
    await killed;
    expect(Buffer.concat(pieces).equals(data)).toBe(true);
  }, 120_000);
});

async function initialNames(store: ObjectStore): Promise<string[]> {
  const watcher = await store.watch();
  void watcher.initialized.then(
    () => watcher.drain(),
    () => undefined,
  );
  const names = new Set<string>();
  for await (const { name, initial, deleted } of watcher) {
    if (initial && !deleted) names.add(name);
    if (initial && deleted) names.delete(name);
  }
  return [...names];
}
