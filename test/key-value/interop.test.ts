import { connect, StringCodec, type KV, type NatsConnection } from 'nats';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyExistsError } from '../../lib/errors/index.js';
import type { KeyValue, KeyValueConfig } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, collect, connectTo, startServer, uniqueName, VERSIONS } from './support.js';

// The other files compare this library with the raw v3 client.
describe.each(VERSIONS)('buckets shared with the nats package v2 on nats-server %s', (version) => {
  const text = StringCodec();
  let server: NatsTestServer;
  let client: Client;
  let old: NatsConnection;
  let ours: KeyValue<number>;
  let theirs: KV;

  let name: string;

  beforeAll(async () => {
    server = await startServer(version);
    client = await connectTo(server.url);
    old = await connect({ servers: server.url });
  });
  afterAll(async () => {
    await client.nc.close();
    await old.close();
    await server.stop();
  });
  afterEach(() => client.keyValues.delete(name));

  describe.each(['created here', 'created there'])('%s', (where) => {
    beforeEach(async () => {
      name = uniqueName('shared');
      const views = old.jetstream().views;
      if (where === 'created here') {
        ours = await client.keyValues.create<number>({ bucket: name, history: 5 });
        theirs = await views.kv(name, { bindOnly: true });
      } else {
        theirs = await views.kv(name, { history: 5 });
        ours = await client.keyValues.open<number>(name);
      }
    });

    it('have the same values and revisions', async () => {
      const revision = await ours.put('a', 1);
      expect(await theirs.get('a')).toMatchObject({ key: 'a', revision, operation: 'PUT' });
      const next = await theirs.update('a', text.encode('2'), revision);
      expect(await ours.get('a')).toMatchObject({ key: 'a', revision: next, value: 2, operation: 'PUT' });
      await expect(ours.create('a', 3)).rejects.toThrow(KeyExistsError);
      await expect(theirs.create('a', text.encode('3'))).rejects.toThrow('wrong last sequence');
    });

    it('have the same deletions, purges and histories', async () => {
      await ours.put('a', 1);
      await theirs.delete('a');
      await ours.put('a', 2);
      expect((await ours.history('a')).map(({ operation }) => operation)).toEqual(['PUT', 'DEL', 'PUT']);
      expect((await collect(await theirs.history({ key: 'a' }))).map(({ operation }) => operation)).toEqual([
        'PUT',
        'DEL',
        'PUT',
      ]);
      await ours.purge('a');
      expect((await collect(await theirs.history({ key: 'a' }))).map(({ operation }) => operation)).toEqual([
        'PURGE',
      ]);
      await theirs.put('a', text.encode('3'));
      await theirs.purge('a');
      expect(await ours.get('a')).toBeUndefined();
      expect(await ours.create('a', 4)).toBeGreaterThan(0);
    });

    it('have the same keys, and their watches receive the changes of both', async () => {
      await ours.put('a', 1);
      await theirs.put('b.c', text.encode('2'));
      expect(await collect(ours.keys())).toEqual(['a', 'b.c']);
      expect(await collect(await theirs.keys())).toEqual(['a', 'b.c']);
      const watch = await ours.watch('>', { updatesOnly: true });
      await theirs.delete('a');
      await theirs.put('d', text.encode('4'));
      expect((await watch.next()).value).toMatchObject({ key: 'a', operation: 'DEL' });
      expect((await watch.next()).value).toMatchObject({ key: 'd', value: 4 });
      watch.stop();
    });
  });

  it('have the same status', async () => {
    name = uniqueName('shared');
    const config: KeyValueConfig = {
      bucket: name,
      history: 7,
      ttl: 60_000,
      maxBytes: 100_000,
      description: 'both',
    };
    await client.keyValues.create(config);
    const status = await (await old.jetstream().views.kv(name, { bindOnly: true })).status();
    expect(status).toMatchObject({ bucket: name, history: 7, ttl: 60_000, description: 'both' });
  });
});
