import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BucketExistsError,
  BucketNotFoundError,
  InvalidBucketNameError,
  UnsupportedServerFeatureError,
} from '../../lib/errors/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

describe.each(['2.15', '2.10', '2.9'])('ObjectStoreService on nats-server %s', (version) => {
  let server: NatsTestServer;
  let stores: ObjectStores;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    stores = await ObjectStores.connect(server.url);
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  it('creates a bucket with the layout of ADR-20', async () => {
    const store = await stores.service.create({ bucket: 'layout' });
    expect(store.bucket).toBe('layout');
    const { config } = await stores.jsm.streams.info('OBJ_layout');
    expect(config).toMatchObject({
      name: 'OBJ_layout',
      subjects: ['$O.layout.C.>', '$O.layout.M.>'],
      max_age: 0,
      max_bytes: -1,
      storage: 'file',
      num_replicas: 1,
      allow_rollup_hdrs: true,
      allow_direct: true,
      discard: 'new',
    });
  });

  it('accepts description, TTL, size limit and storage', async () => {
    const store = await stores.service.create({
      bucket: 'configured',
      description: 'reports',
      ttl: 90_000,
      maxBytes: 1_000_000,
      storage: 'memory',
      replicas: 1,
    });
    expect(await store.status()).toMatchObject({
      bucket: 'configured',
      description: 'reports',
      ttl: 90_000,
      maxBytes: 1_000_000,
      storage: 'memory',
      replicas: 1,
      sealed: false,
      size: 0,
      backingStore: 'JetStream',
      compressed: false,
    });
    const { config } = await stores.jsm.streams.info('OBJ_configured');
    expect(config.max_age).toBe(90_000_000_000);
  });

  it('passes placement and raw fields on to the stream', async () => {
    const placement = { cluster: 'east', tags: ['ssd'] };
    await stores.service.create({ bucket: 'raw', placement, raw: { max_msgs: 1_000 } });
    const { config } = await stores.jsm.streams.info('OBJ_raw');
    expect(config.placement).toEqual(placement);
    expect(config.max_msgs).toBe(1_000);
  });

  it.skipIf(version !== '2.9')('rejects compression and metadata before anything is sent', async () => {
    const refusals = [{ compression: true }, { metadata: { owner: 'infra' } }];
    for (const options of refusals) {
      await expect(stores.service.create({ bucket: 'refused', ...options })).rejects.toThrow(
        UnsupportedServerFeatureError,
      );
    }
    await expect(stores.service.open('refused')).rejects.toThrow(BucketNotFoundError);
  });

  it.skipIf(version === '2.9')('accepts compression and metadata', async () => {
    const store = await stores.service.create({
      bucket: 'modern',
      compression: true,
      metadata: { owner: 'infra' },
    });
    expect(await store.status()).toMatchObject({ compressed: true, metadata: { owner: 'infra' } });
    expect((await stores.jsm.streams.info('OBJ_modern')).config.compression).toBe('s2');
    await store.putString('zeros', '0'.repeat(10_000));
    expect(await store.getString('zeros')).toBe('0'.repeat(10_000));
  });

  it('accepts an existing bucket with the same configuration and rejects a different one', async () => {
    await stores.service.create({ bucket: 'twice', description: 'one' });
    await stores.service.create({ bucket: 'twice', description: 'one' });
    const conflict = stores.service.create({ bucket: 'twice', description: 'two' });
    await expect(conflict).rejects.toThrow(BucketExistsError);
    await expect(conflict).rejects.toMatchObject({ bucket: 'twice', cause: { code: 10058 } });
  });

  it('updates only a bucket that exists', async () => {
    await expect(stores.service.update({ bucket: 'updated' })).rejects.toThrow(BucketNotFoundError);
    await stores.service.create({ bucket: 'updated', ttl: 60_000 });
    const store = await stores.service.update({ bucket: 'updated', description: 'new' });
    expect(await store.status()).toMatchObject({ description: 'new', ttl: 0 });
  });

  it('creates or updates', async () => {
    await stores.service.createOrUpdate({ bucket: 'either', description: 'one' });
    const store = await stores.service.createOrUpdate({ bucket: 'either', description: 'two' });
    expect((await store.status()).description).toBe('two');
  });

  it('opens and deletes buckets', async () => {
    await expect(stores.service.open('gone')).rejects.toThrow(BucketNotFoundError);
    await expect(stores.service.delete('gone')).rejects.toThrow(BucketNotFoundError);
    await stores.service.create({ bucket: 'gone' });
    expect((await stores.service.open('gone')).bucket).toBe('gone');
    await stores.service.delete('gone');
    await expect(stores.service.open('gone')).rejects.toThrow(BucketNotFoundError);
  });

  it('reports "bucket not found" in every method after the bucket was deleted', async () => {
    const store = await stores.service.create({ bucket: 'vanished' });
    await stores.service.delete('vanished');
    await expect(store.info('a')).rejects.toThrow(BucketNotFoundError);
    await expect(store.get('a')).rejects.toThrow(BucketNotFoundError);
    await expect(store.delete('a')).rejects.toThrow(BucketNotFoundError);
    await expect(store.putString('a', 'text')).rejects.toThrow(BucketNotFoundError);
    await expect(store.status()).rejects.toThrow(BucketNotFoundError);
    await expect(store.seal()).rejects.toThrow(BucketNotFoundError);
    await expect(store.watch()).rejects.toThrow(BucketNotFoundError);
    await expect(collect(store.list())).rejects.toThrow(BucketNotFoundError);
  });

  it.each(['', 'a.b', 'a b', '*', 'é', 'a/b', '>', 'a'.repeat(252)])(
    'rejects the bucket name %j',
    async (bucket) => {
      await expect(stores.service.create({ bucket })).rejects.toThrow(InvalidBucketNameError);
      await expect(stores.service.update({ bucket })).rejects.toThrow(InvalidBucketNameError);
      await expect(stores.service.createOrUpdate({ bucket })).rejects.toThrow(InvalidBucketNameError);
      await expect(stores.service.open(bucket)).rejects.toThrow(InvalidBucketNameError);
      await expect(stores.service.delete(bucket)).rejects.toThrow(InvalidBucketNameError);
    },
  );

  it('lists the buckets, and no other streams', async () => {
    await using own = await NatsTestServer.start({ version });
    await using others = await ObjectStores.connect(own.url);
    await others.jetstream.createStream({ name: 'OTHER', subjects: ['$O.other.C.>'] });
    await others.service.create({ bucket: 'one' });
    await others.service.create({ bucket: 'two', description: 'second' });
    expect((await collect(others.service.names())).toSorted()).toEqual(['one', 'two']);
    const statuses = await collect(others.service.list());
    expect(statuses.map(({ bucket, description }) => `${bucket}: ${description}`).toSorted()).toEqual([
      'one: ',
      'two: second',
    ]);
  });
});
