import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyExistsError, RevisionMismatchError } from '../../lib/errors/index.js';
import type { KeyValue } from '../../lib/key-value/index.js';
import { NatsTestCluster } from '../../lib/testing/index.js';
import { type Client, collect, connectTo, eventually, uniqueName } from './support.js';

describe('a bucket of three replicas', () => {
  let cluster: NatsTestCluster;
  let client: Client;
  let kv: KeyValue<number>;

  let name: string;

  beforeAll(async () => {
    cluster = await NatsTestCluster.start(3, {
      users: [
        { user: 'any' },
        { user: 'limited', permissions: { publish: { deny: '$JS.API.STREAM.MSG.GET.>' } } },
      ],
      noAuthUser: 'any',
    });
  });
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    name = uniqueName('replicated');
    client = await connectTo(cluster.urls[0] ?? '', { servers: cluster.urls });
    kv = await client.keyValues.create<number>({ bucket: name, replicas: 3 });
  });
  afterEach(async () => {
    await client.keyValues.delete(name);
    await client.nc.close();
  });

  it('rejects concurrent writes like a single server', async () => {
    const revision = await kv.create('a', 1);
    await expect(kv.create('a', 2)).rejects.toThrow(KeyExistsError);
    await kv.update('a', 2, revision);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => kv.update('a', i, revision + 1)),
    );
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refusals).toHaveLength(19);
    for (const { reason } of refusals) expect(reason).toBeInstanceOf(RevisionMismatchError);
    expect((await kv.get('a', { consistent: true }))?.revision).toBe(revision + 2);
  });

  it('is listed and watched by a client without permission to read from its leader', async () => {
    await kv.put('a', 1);
    await kv.put('b', 2);
    const limited = await connectTo(cluster.urls[0] ?? '', cluster.connectionFor('limited'), {
      timeout: 300,
    });
    const mine = await limited.keyValues.open<number>(name);
    await eventually(async () => expect(await collect(mine.keys())).toEqual(['a', 'b']));
    const watch = await mine.watch('b');
    expect(await watch.next()).toMatchObject({ value: { key: 'b', value: 2, initial: true } });
    await limited.nc.close();
  });

  it('loses no update of concurrent writers', async () => {
    const counters = await Promise.all(
      cluster.urls.map(async (url) => {
        const writer = await connectTo(url);
        const mine = await writer.keyValues.open<number>(name);
        for (let i = 0; i < 50; i++) await mine.modify('count', (count = 0) => count + 1);
        return writer.nc.close();
      }),
    );
    expect((await kv.get('count', { consistent: true }))?.value).toBe(50 * counters.length);
  });

  it('is watched during the loss of a server without gaps or repeats', { timeout: 60_000 }, async () => {
    const watch = await kv.watch();
    const heard: number[] = [];
    const loop = (async () => {
      for await (const { value } of watch) if (value !== undefined) heard.push(value);
    })();
    // One key for each value: the bucket only keeps the last value of a key.
    const put = (value: number) => eventually(() => kv.put(`k${value}`, value));
    for (let i = 0; i < 20; i++) await put(i);
    const connected = cluster.servers.find(({ port }) => client.nc.getServer().endsWith(`:${port}`));
    await connected?.kill();
    for (let i = 20; i < 40; i++) await put(i);
    // A put whose acknowledgement was lost is repeated here, and both are changes.
    await eventually(() => expect(heard.at(-1)).toBe(39));
    expect([...new Set(heard)]).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect((await kv.status()).streamInfo.state.lastSequence).toBe(heard.length);
    watch.stop();
    await loop;
    await connected?.restart();
    await cluster.ready();
    expect(await collect(kv.keys())).toHaveLength(40);
  });

  it('is read, written, listed and locked while its leader and the meta leader step down', async () => {
    const patient = await connectTo(cluster.urls[0] ?? '', { servers: cluster.urls }, { timeout: 15_000 });
    const bucket = await patient.keyValues.open<number>(name);
    await bucket.put('a', 0);
    let electing = true;
    const elections = (async () => {
      while (electing) {
        for (const leader of ['META.LEADER', `STREAM.LEADER.STEPDOWN.KV_${name}`]) {
          const operation = leader === 'META.LEADER' ? 'META.LEADER.STEPDOWN' : leader;
          await client.nc.request(`$JS.API.${operation}`, '', { timeout: 1_000 }).catch(() => undefined);
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    for (let i = 1; i <= 15; i++) {
      const revision = await bucket.put('a', i);
      expect((await bucket.get('a', { consistent: true }))?.value).toBe(i);
      await bucket.update('a', i, revision);
      await bucket.create(`k${i}`, i);
      expect(await collect(bucket.keys())).toHaveLength(i + 1);
      await using cached = await bucket.cached();
      expect(cached.size).toBe(i + 1);
      await using lock = await bucket.lock('lock.a', { ttl: 10_000 });
      expect(lock.held).toBe(true);
      await bucket.purge('lock.a');
    }
    electing = false;
    await elections;
    await patient.nc.close();
  }, 60_000);
});
