import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MirroredObjectStoreError } from '../../lib/errors/index.js';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { eventually } from '../support/eventually.js';
import { collect, ObjectStores } from './object-stores.js';

describe.each(['2.15', '2.10', '2.9'])('lists on nats-server %s', (version) => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let others: ObjectStores;
  let store: ObjectStore;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    stores = await ObjectStores.connect(server.url);
    others = await ObjectStores.connect(server.url);
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
  });
  afterAll(async () => {
    await others[Symbol.asyncDispose]();
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  it('contain every object exactly once while another client replaces objects', async () => {
    const target = await store.putString('target', 'content');
    const names = Array.from({ length: 400 }, (_, i) => `link ${i}`);
    await Promise.all(names.map((name) => store.addLink(name, target)));
    const writer = await others.service.open('B');
    let writing = true;
    const replace = async (): Promise<void> => {
      while (writing) {
        const some = names.filter(() => Math.random() < 0.1);
        await Promise.all(some.map((name) => writer.addLink(name, target)));
      }
    };
    const replacing = replace();
    const lists: string[][] = [];
    const durations: number[] = [];
    for (let i = 0; i < 30; i++) {
      const started = performance.now();
      lists.push((await collect(store.list())).map(({ name }) => name));
      durations.push(performance.now() - started);
    }
    writing = false;
    await replacing;
    const expected = ['target', ...names].toSorted();
    for (const list of lists) expect(list.toSorted()).toEqual(expected);
    expect(Math.max(...durations)).toBeLessThan(5_000);
  });

  it('and watches start with every object while another client replaces objects', async () => {
    const target = await store.info('target');
    const writer = await others.service.open('B');
    const names = (await collect(store.list())).map(({ name }) => name);
    for (let i = 0; i < 5; i++) {
      const replacing = Promise.all(
        names.slice(1, 100).map((name) => writer.addLink(name, target).catch(() => undefined)),
      );
      const seen = new Set<string>();
      const watcher = await store.watch();
      void watcher.initialized.then(
        () => watcher.drain(),
        () => undefined,
      );
      for await (const { name, initial } of watcher) if (initial) seen.add(name);
      await replacing;
      expect([...seen].toSorted()).toEqual(names.toSorted());
    }
  });
});

describe('a mirror of an object store', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let mirror: ObjectStore;
  let origin: ObjectStore;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url);
    origin = await stores.service.create({ bucket: 'ORIGIN' });
    await origin.putString('a', 'content of a');
    await origin.putBytes('large', Buffer.alloc(3_000_000, 7));
    await origin.putString('gone', 'content');
    await origin.delete('gone');
    await origin.addLink('link', await origin.info('a'));
    await stores.jetstream.createStream({
      name: 'OBJ_COPY',
      mirror: { name: 'OBJ_ORIGIN' },
      allowDirect: true,
      mirrorDirect: true,
    });
    mirror = await stores.service.open('COPY');
    await eventually(
      () => mirror.info('link').then(Boolean, () => false),
      (found) => found,
    );
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  it('is read like its origin', async () => {
    expect(await mirror.getString('a')).toBe('content of a');
    expect((await mirror.getBytes('large')).equals(Buffer.alloc(3_000_000, 7))).toBe(true);
    expect(Buffer.concat((await collect(await mirror.get('link'))) as Buffer[]).toString()).toBe(
      'content of a',
    );
    expect(await mirror.info('a')).toMatchObject({ bucket: 'COPY', name: 'a' });
    expect((await collect(mirror.list())).map(({ name }) => name)).toEqual(['a', 'large', 'link']);
    expect((await collect(mirror.list({ showDeleted: true }))).map(({ name }) => name)).toContain('gone');
  });

  it('is watched, and follows its origin', async () => {
    const watcher = await mirror.watch({ updatesOnly: true });
    const next = watcher.next();
    await origin.putString('b', 'new');
    expect((await next).value).toMatchObject({ name: 'b', bucket: 'COPY' });
    watcher.stop();
    expect(await mirror.getString('b')).toBe('new');
  });

  it('can be the target of a link', async () => {
    const other = await stores.service.create({ bucket: 'OTHER' });
    await other.addLink('via mirror', await mirror.info('a'));
    expect(await other.getString('via mirror')).toBe('content of a');
  });

  it('rejects writes, naming its origin', async () => {
    const before = (await origin.status()).streamInfo.state.lastSequence;
    const info = await origin.info('a');
    const writes = await Promise.allSettled([
      mirror.putString('x', 'text'),
      mirror.delete('a'),
      mirror.updateMeta('a', { description: 'd' }),
      mirror.updateMeta('a', { name: 'renamed' }),
      mirror.addLink('l', info),
      mirror.addBucketLink('l', origin),
    ]);
    for (const write of writes) {
      expect(write).toMatchObject({ status: 'rejected', reason: { bucket: 'COPY', origin: 'ORIGIN' } });
      expect((write as PromiseRejectedResult).reason).toBeInstanceOf(MirroredObjectStoreError);
    }
    expect((await origin.status()).streamInfo.state.lastSequence).toBe(before);
  });
});
