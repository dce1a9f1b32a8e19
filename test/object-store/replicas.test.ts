import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer, type NatsTestCluster } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

const MIB = 1_048_576;

describe('a bucket of three replicas', () => {
  let cluster: NatsTestCluster;
  let stores: ObjectStores;
  let store: ObjectStore;

  beforeAll(async () => {
    cluster = await NatsTestServer.cluster(3);
    stores = await ObjectStores.connect(cluster.urls);
    store = await stores.service.create({ bucket: 'B', replicas: 3 });
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await cluster.stop();
  });

  /** Kills the server that leads the bucket's stream, and starts it again. */
  async function killLeader(): Promise<void> {
    const { cluster: group } = await stores.jsm.streams.info('OBJ_B');
    const leader = cluster.servers.find(({ name }) => name === group?.leader);
    await leader?.kill();
    await sleep(300);
    await leader?.restart();
  }

  it('reads, lists and watches at once what was put, though its servers are not in step', async () => {
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

  it('takes and gives an object while its leader is killed', async () => {
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
