import { CacheModule, CACHE_MANAGER, type Cache } from '@nestjs/cache-manager';
import { Test } from '@nestjs/testing';
import { Keyv } from 'keyv';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyValueCacheStore } from '../../lib/cache/index.js';
import { InvalidArgumentError } from '../../lib/errors/index.js';
import type { KeyValue } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import {
  type Client,
  collect,
  connectTo,
  eventually,
  startServer,
  uniqueName,
} from '../key-value/support.js';

describe('a cache on a Key-Value bucket', () => {
  let server: NatsTestServer;
  let client: Client;
  let bucket: KeyValue;

  let name: string;

  beforeAll(async () => {
    server = await startServer();
    client = await connectTo(server.url);
  });
  afterAll(async () => {
    await client.nc.close();
    await server.stop();
  });
  beforeEach(async () => {
    name = uniqueName('cache');
    bucket = await client.keyValues.create({ bucket: name, storage: 'memory', limitMarkerTtl: 1_000 });
  });
  afterEach(() => client.keyValues.delete(name));

  const open = (namespace?: string) =>
    new Keyv({ store: new KeyValueCacheStore(bucket), throwOnErrors: true, ...(namespace && { namespace }) });

  it('sets, gets and deletes values of every kind', async () => {
    const keyv = open();
    for (const value of ['text', 1, true, { a: [1, null] }, Buffer.from([0, 255])]) {
      await keyv.set('key', value);
      expect(await keyv.get('key')).toEqual(value);
    }
    expect(await keyv.has('key')).toBe(true);
    expect(await keyv.delete('key')).toBe(true);
    expect(await keyv.delete('key')).toBe(false);
    expect(await keyv.has('key')).toBe(false);
    expect(await keyv.get('key')).toBeUndefined();
  });

  it.each([Infinity, NaN, -1, 0, 1, 2 ** 31, 2 ** 53, 1e300])('accepts a ttl of %s', async (ttl) => {
    const store = new KeyValueCacheStore(bucket);
    await store.set('key', 'value', ttl);
    expect(await store.get('key')).toBe('value');
  });

  it.each([undefined, null, 1, Symbol('s'), {}])('rejects a key that is not a string', async (key) => {
    const store = new KeyValueCacheStore(bucket);
    await expect(store.get(key as never)).rejects.toThrow(InvalidArgumentError);
    await expect(store.set(key as never, 'value')).rejects.toThrow(InvalidArgumentError);
    await expect(store.delete(key as never)).rejects.toThrow(InvalidArgumentError);
  });

  it('is shared by all users of the bucket', async () => {
    await open().set('key', 1);
    const other = await connectTo(server.url);
    const store = new KeyValueCacheStore(await other.keyValues.open(name));
    expect(await new Keyv({ store }).get('key')).toBe(1);
    await other.nc.close();
  });

  it('accepts any text as a key', async () => {
    const keyv = open();
    const keys = [
      '',
      '=',
      '.a.',
      'a b',
      '/cats?page=1&q=*',
      'ünïcode',
      'a:b',
      '>',
      'x'.repeat(10_000),
      '=20',
      ' ',
    ];
    for (const key of keys) await keyv.set(key, `value of ${key}`);
    for (const key of keys) expect(await keyv.get(key)).toBe(`value of ${key}`);
    expect(await collect(bucket.keys())).toHaveLength(keys.length);
  });

  it('reads, writes and deletes several at once', async () => {
    const keyv = open();
    await keyv.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 60_000 },
    ]);
    expect(await keyv.getMany(['a', 'b', 'c'])).toEqual([1, 2, undefined]);
    expect(await keyv.has(['a', 'c'])).toEqual([true, false]);
    expect(await keyv.deleteMany(['a', 'b'])).toBe(true);
    expect(await keyv.deleteMany(['a'])).toBe(false);
    expect(await keyv.get('a')).toBeUndefined();
  });

  it('serves no value after its ttl, and the server removes it', async () => {
    const keyv = open();
    await keyv.set('key', 1, 500);
    expect(await keyv.get('key')).toBe(1);
    await keyv.set('left', 1, 800);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await keyv.get('key')).toBeUndefined();
    await eventually(async () => expect(await collect(bucket.keys())).toEqual([]));
  });

  it('serves no value after its ttl if the bucket allows no ttl', async () => {
    const plain = await client.keyValues.create({ bucket: 'plain', storage: 'memory' });
    const keyv = new Keyv({ store: new KeyValueCacheStore(plain) });
    await keyv.set('key', 1, 500);
    expect(await keyv.get('key')).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await keyv.get('key')).toBeUndefined();
    await client.keyValues.delete('plain');
  });

  it('clears its namespace only, or everything without a namespace', async () => {
    const [one, two] = [open('one'), open('two.x')];
    await one.set('key', 1);
    await two.set('key', 2);
    expect(await one.get('key')).toBe(1);
    await one.clear();
    expect(await one.get('key')).toBeUndefined();
    expect(await two.get('key')).toBe(2);
    await new KeyValueCacheStore(bucket).clear();
    expect(await two.get('key')).toBeUndefined();
  });

  it('rejects values that Keyv did not serialize', async () => {
    const store = new KeyValueCacheStore(bucket);
    await expect(store.set('key', { a: 1 })).rejects.toThrow(InvalidArgumentError);
    await store.disconnect();
  });

  it('serves as the store of @nestjs/cache-manager', async () => {
    const module = await Test.createTestingModule({
      imports: [CacheModule.register({ stores: [new KeyValueCacheStore(bucket)], ttl: 60_000 })],
    }).compile();
    const cache = module.get<Cache>(CACHE_MANAGER);
    let computed = 0;
    const compute = () => Promise.resolve(++computed);
    expect(await cache.wrap('/answer', compute)).toBe(1);
    expect(await cache.wrap('/answer', compute)).toBe(1);
    expect(await collect(bucket.keys())).toHaveLength(1);
    await cache.clear();
    expect(await cache.wrap('/answer', compute)).toBe(2);
    await module.close();
  });
});
