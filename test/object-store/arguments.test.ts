import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConnectionClosedError, InvalidArgumentError, JetStreamError } from '../../lib/errors/index.js';
import type { ObjectInfo, ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

describe('the arguments of an object store', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;
  let info: ObjectInfo;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url);
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
    info = await store.putString('a', 'content');
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each([
    undefined,
    null,
    0,
    '',
    'B',
    [],
    {},
    { bucket: 'B' },
    { bucket: 'B', name: '' },
    { name: 'a' },
    { bucket: '>', name: 'a' },
    { bucket: 'B', name: 5 },
  ])('reject a link to %j', async (target) => {
    await expect(store.addLink('l', target as never)).rejects.toThrow(JetStreamError);
    await expect(store.info('l')).rejects.toThrow('not found');
  });

  it.each([undefined, null, 5, 'B', {}, { bucket: '' }, { bucket: 'a.b' }])(
    'reject a link to the bucket %j',
    async (target) => {
      await expect(store.addBucketLink('l', target as never)).rejects.toThrow(InvalidArgumentError);
    },
  );

  const BAD_META: readonly unknown[] = [
    undefined,
    null,
    5,
    Symbol('s'),
    {},
    { name: 5 },
    { name: Object.create(null) as unknown },
    { name: 'x', description: 5 },
    { name: 'x', description: 1n },
    { name: 'x', headers: null },
    { name: 'x', headers: 'text' },
    { name: 'x', headers: { a: 5 } },
    { name: 'x', headers: { a: [5] } },
    { name: 'x', metadata: null },
    { name: 'x', metadata: { a: 1n } },
    { name: 'x', metadata: { a: Object.create(null) as unknown } },
    { name: 'x', chunkSize: NaN },
    { name: 'x', chunkSize: Infinity },
    { name: 'x', chunkSize: '5' },
    { name: 'x', chunkSize: 1.5 },
  ];

  it('reject invalid metadata, in every form of put', async () => {
    for (const meta of BAD_META) {
      const puts = await Promise.allSettled([
        store.putString(meta as never, 'text'),
        store.putBytes(meta as never, Buffer.from('text')),
        store.put(meta as never, Readable.from(['text'])),
      ]);
      for (const put of puts) {
        expect(put.status).toBe('rejected');
        expect((put as PromiseRejectedResult).reason).toBeInstanceOf(JetStreamError);
      }
    }
    expect(await stores.messages('B', 'C')).toBe(1);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['bytes that are text', () => store.putBytes('x', 'text' as never)],
    ['text that is bytes', () => store.putString('x', Buffer.from('x') as never)],
    ['options that are null', () => store.putString('x', 'text', null as never)],
    ['a negative timeout', () => store.putString('x', 'text', { timeout: -1 })],
    ['a stall timeout of NaN', () => store.putString('x', 'text', { stallTimeout: NaN })],
    ['a stall timeout of a get', () => store.get('a', { stallTimeout: 0 })],
    ['a signal of a get', () => store.get('a', { signal: 'abort' as never })],
    ['options of a get', () => store.getBytes('a', null as never)],
    ['options of info', () => store.info('a', null as never)],
    ['options of a list', () => collect(store.list(null as never))],
    ['options of a watch', () => store.watch(null as never)],
    ['a name of a get', () => store.get(undefined as never)],
    ['a name of info', () => store.info({} as never)],
    ['a name of delete', () => store.delete(null as never)],
    ['meta of updateMeta', () => store.updateMeta('a', undefined as never)],
    ['a new name of updateMeta', () => store.updateMeta('a', { name: 5 as never })],
    ['a path of putFile', () => store.putFile(undefined as never, { name: 'x' })],
    ['meta of putFile', () => store.putFile('/dev/null', null as never)],
    ['a bucket to open', () => stores.service.open(undefined as never)],
    ['a bucket to delete', () => stores.service.delete({} as never)],
  ])('reject %s with a typed error', async (_, act) => {
    await expect(act()).rejects.toThrow(JetStreamError);
  });

  it.each([Infinity, 2 ** 31, 2 ** 40, 1e300])('can be a duration of %d ms', async (duration) => {
    await store.putString('long', 'content', { timeout: duration, stallTimeout: duration });
    const options = { stallTimeout: duration };
    expect(await store.getString('long', options)).toBe('content');
    expect(Buffer.concat((await collect(await store.get('long', options))) as Buffer[]).toString()).toBe(
      'content',
    );
  });

  it('are not checked on a closed connection: every call fails with the same typed error', async () => {
    const closed = await ObjectStores.connect(server.url);
    const dead = await closed.service.open('B');
    await closed.nc.close();
    const calls: (() => Promise<unknown>)[] = [
      () => dead.putString('x', 'text'),
      () => dead.put('x', Readable.from(['text'])),
      () => dead.get('a'),
      () => dead.getBytes('a'),
      () => dead.info('a'),
      () => dead.updateMeta('a', { description: 'd' }),
      () => dead.delete('a'),
      () => collect(dead.list()),
      () => dead.watch(),
      () => dead.watch({ updatesOnly: true }),
      () => dead.status(),
      () => dead.seal(),
      () => dead.addLink('l', info),
      () => closed.service.open('B'),
      () => closed.service.create({ bucket: 'C' }),
      () => closed.service.delete('B'),
      () => collect(closed.service.names()),
      () => collect(closed.service.list()),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(ConnectionClosedError);
  });
});
