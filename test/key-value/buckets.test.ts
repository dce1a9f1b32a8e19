import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  BucketExistsError,
  BucketNotFoundError,
  HistoryTooLargeError,
  InvalidArgumentError,
  InvalidBucketNameError,
  NotAKeyValueBucketError,
  UnsupportedServerFeatureError,
} from '../../lib/errors/index.js';
import type { KeyValueService } from '../../lib/key-value/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, collect, connectTo, eventually, KEEPER, startServer, VERSIONS } from './support.js';

describe.each(VERSIONS)('buckets on nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: Client;
  let keyValues: KeyValueService;

  beforeAll(async () => {
    server = await startServer(version);
    client = await connectTo(server.url);
    ({ keyValues } = client);
  });
  afterAll(async () => {
    await client.nc.close();
    await server.stop();
  });
  afterEach(async () => {
    for await (const name of client.jetstream.streamNames()) {
      if (name !== KEEPER) await client.jetstream.deleteStream(name);
    }
  });

  it('are created as ADR-8 specifies and the raw client does', async () => {
    await keyValues.create({ bucket: 'ours' });
    await new Kvm(client.nc).create('theirs');
    const jsm = await jetstreamManager(client.nc);
    const { config: ours } = await jsm.streams.info('KV_ours');
    const { config: theirs } = await jsm.streams.info('KV_theirs');
    expect(ours).toMatchObject({
      name: 'KV_ours',
      subjects: ['$KV.ours.>'],
      retention: 'limits',
      max_consumers: -1,
      max_msgs_per_subject: 1,
      max_msgs: -1,
      max_bytes: -1,
      max_age: 0,
      max_msg_size: -1,
      storage: 'file',
      discard: 'new',
      num_replicas: 1,
      duplicate_window: 120_000_000_000,
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_direct: true,
    });
    // The raw client does not deny deletes, although the ADR requires it.
    expect({ ...ours, name: '', subjects: [] }).toEqual({
      ...theirs,
      name: '',
      subjects: [],
      deny_delete: true,
    });
  });

  it('accept every option of their configuration', async () => {
    const kv = await keyValues.create({
      bucket: 'all',
      description: 'all options',
      history: 64,
      maxValueSize: 2_048,
      ttl: 60_000,
      maxBytes: 1_000_000,
      storage: 'memory',
      replicas: 1,
      placement: { tags: [] },
      republish: { source: '>', destination: 'changes.>', headersOnly: true },
    });
    const status = await kv.status();
    expect(status).toMatchObject({
      bucket: 'all',
      history: 64,
      ttl: 60_000,
      limitMarkerTtl: 0,
      storage: 'memory',
      replicas: 1,
      compressed: false,
      values: 0,
      bytes: 0,
      backingStore: 'JetStream',
    });
    expect(status.config).toMatchObject({
      bucket: 'all',
      description: 'all options',
      history: 64,
      maxValueSize: 2_048,
      ttl: 60_000,
      maxBytes: 1_000_000,
      republish: { source: '>', destination: 'changes.>', headersOnly: true },
      compression: false,
    });
    expect(status.streamInfo.config.duplicateWindow).toBe(60_000);
    const changes = client.nc.subscribe('changes.>', { max: 1 });
    await kv.put('a', 1);
    for await (const { subject } of changes) expect(subject).toBe('changes.$KV.all.a');
    expect((await kv.status()).values).toBe(1);
    expect((await kv.status()).bytes).toBeGreaterThan(0);
  });

  it.skipIf(version === '2.9')('accept compression and metadata', async () => {
    const kv = await keyValues.create({ bucket: 'newer', compression: true, metadata: { owner: 'me' } });
    const status = await kv.status();
    expect(status.compressed).toBe(true);
    expect(status.metadata).toMatchObject({ owner: 'me' });
    expect(status.config).toMatchObject({ compression: true });
  });

  it.runIf(version === '2.9')('reject compression and metadata if the server is too old', async () => {
    await expect(keyValues.create({ bucket: 'x', compression: true })).rejects.toThrow(
      UnsupportedServerFeatureError,
    );
    await expect(keyValues.create({ bucket: 'x', metadata: { a: 'b' } })).rejects.toThrow(
      UnsupportedServerFeatureError,
    );
    await expect(keyValues.open('x')).rejects.toThrow(BucketNotFoundError);
  });

  it.runIf(version === '2.15')('accept limit markers', async () => {
    const kv = await keyValues.create({ bucket: 'marked', limitMarkerTtl: 60_000 });
    const status = await kv.status();
    expect(status.limitMarkerTtl).toBe(60_000);
    expect(status.config.limitMarkerTtl).toBe(60_000);
    expect(status.streamInfo.config.allowMessageTtl).toBe(true);
  });

  it.runIf(version !== '2.15')('reject limit markers if the server is too old', async () => {
    for (const operation of ['create', 'update', 'createOrUpdate'] as const) {
      await expect(keyValues[operation]({ bucket: 'x', limitMarkerTtl: 60_000 })).rejects.toThrow(
        UnsupportedServerFeatureError,
      );
    }
  });

  it('are accepted if they exist with the same configuration, otherwise rejected', async () => {
    const first = await keyValues.create<number>({ bucket: 'same', history: 3 });
    await first.put('a', 1);
    const second = await keyValues.create<number>({ bucket: 'same', history: 3 });
    expect((await second.get('a'))?.value).toBe(1);
    const failure = await keyValues.create({ bucket: 'same', history: 4 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BucketExistsError);
    expect(failure).toMatchObject({ kind: 'Key-Value', bucket: 'same' });
  });

  it('are updated if only older defaults differ', async () => {
    await keyValues.create({ bucket: 'old' });
    const { config } = (await client.jetstream.stream('KV_old')).cachedInfo;
    await client.jetstream.updateStream({ ...config, discard: 'old', allowDirect: false });
    await keyValues.create({ bucket: 'old' });
    expect((await client.jetstream.stream('KV_old')).cachedInfo.config).toMatchObject({
      discard: 'new',
      allowDirect: true,
    });
    await client.jetstream.updateStream({ ...config, discard: 'old', allowDirect: false });
    await expect(keyValues.create({ bucket: 'old', history: 2 })).rejects.toThrow(BucketExistsError);
  });

  it('are updated, or created if they are missing', async () => {
    await expect(keyValues.update({ bucket: 'changed' })).rejects.toThrow(BucketNotFoundError);
    const kv = await keyValues.createOrUpdate<number>({ bucket: 'changed', description: 'one' });
    await kv.put('a', 1);
    await keyValues.update({ bucket: 'changed', description: 'two', history: 5 });
    expect((await kv.status()).config).toMatchObject({ description: 'two', history: 5 });
    await keyValues.createOrUpdate({ bucket: 'changed', description: 'three' });
    expect((await kv.status()).config).toMatchObject({ description: 'three', history: 1 });
    expect((await kv.get('a'))?.value).toBe(1);
  });

  it('are opened and deleted, and rejected if they do not exist', async () => {
    await keyValues.create({ bucket: 'opened' });
    expect((await keyValues.open('opened')).bucket).toBe('opened');
    await keyValues.delete('opened');
    await expect(keyValues.open('opened')).rejects.toThrow(BucketNotFoundError);
    await expect(keyValues.delete('opened')).rejects.toThrow(BucketNotFoundError);
  });

  it('are listed without other streams', async () => {
    await client.jetstream.createStream({ name: 'KVS', subjects: ['kvs'] });
    for (const bucket of ['a', 'b-1', 'c_2']) await keyValues.create({ bucket });
    await keyValues.open('a').then((kv) => kv.put('x', 1));
    expect((await collect(keyValues.names())).toSorted()).toEqual(['a', 'b-1', 'c_2']);
    const statuses = await collect(keyValues.list());
    expect(statuses.map(({ bucket, values }) => `${bucket} ${values}`).toSorted()).toEqual([
      'a 1',
      'b-1 0',
      'c_2 0',
    ]);
  });

  it('accept exactly the names that the Go client accepts', async () => {
    for (const bucket of ['', 'a b', 'a.b', 'a/b', 'ü', '*', '>', 'a\n', 'a'.repeat(252)]) {
      await expect(keyValues.open(bucket)).rejects.toThrow(InvalidBucketNameError);
      await expect(keyValues.create({ bucket })).rejects.toThrow(InvalidBucketNameError);
      await expect(keyValues.delete(bucket)).rejects.toThrow(InvalidBucketNameError);
    }
  });

  it('reject invalid options', async () => {
    await expect(keyValues.create({ bucket: 'wrong', history: 65 })).rejects.toThrow(HistoryTooLargeError);
    for (const bad of [{ history: 1.5 }, { ttl: -1 }, { replicas: 6 }, { maxBytes: 0.5 }]) {
      await expect(keyValues.create({ bucket: 'wrong', ...bad })).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('are distinguished from streams that only have such a name', async () => {
    await client.jetstream.createStream({ name: 'KV_fake', subjects: ['fake'] });
    await expect(keyValues.open('fake')).rejects.toThrow(NotAKeyValueBucketError);
  });

  it('mirror another bucket: reads use the mirror, writes the origin', async () => {
    const origin = await keyValues.create<number>({ bucket: 'origin' });
    await origin.put('a', 1);
    const mirror = await keyValues.create<number>({ bucket: 'mirror', mirror: { name: 'origin' } });
    await eventually(async () => expect((await mirror.get('a'))?.value).toBe(1));
    const watch = await mirror.watch('b');
    const revision = await mirror.put('b', 2);
    expect((await origin.get('b'))?.value).toBe(2);
    expect((await watch.next()).value).toMatchObject({ bucket: 'mirror', key: 'b', value: 2, revision });
    watch.stop();
    await mirror.update('b', 3, revision);
    await eventually(async () => expect((await mirror.get('b', { consistent: true }))?.value).toBe(3));
    const reopened = await keyValues.open<number>('mirror');
    expect(await collect(reopened.keys())).toEqual(['a', 'b']);
    await reopened.delete('b');
    expect(await origin.get('b')).toBeUndefined();
    expect((await mirror.status()).config.mirror?.name).toBe('origin');
  });

  it.skipIf(version === '2.9')('aggregate the keys of other buckets', async () => {
    const eu = await keyValues.create<number>({ bucket: 'eu' });
    const us = await keyValues.create<number>({ bucket: 'us' });
    const all = await keyValues.create<number>({
      bucket: 'all',
      sources: [{ name: 'eu' }, { name: 'KV_us' }],
    });
    await eu.put('berlin', 1);
    await us.put('boston', 2);
    await all.put('own', 3);
    await eventually(async () =>
      expect((await collect(all.keys())).toSorted()).toEqual(['berlin', 'boston', 'own']),
    );
    expect((await all.get('boston'))?.value).toBe(2);
    expect((await all.status()).config.sources).toEqual([{ name: 'eu' }, { name: 'us' }]);
  });
});

describe('buckets in a domain', () => {
  let hub: NatsTestServer;
  let leaf: NatsTestServer;

  beforeAll(async () => {
    hub = await NatsTestServer.start({ domain: 'hub', leafNodes: true });
    leaf = await hub.startLeaf({ domain: 'leaf' });
  });
  afterAll(async () => {
    await leaf.stop();
    await hub.stop();
  });

  it('can be used from another domain, and mirrored there', async () => {
    const near = await connectTo(leaf.url);
    const far = await connectTo(leaf.url, {}, { domain: 'hub' });
    const origin = await eventually(() =>
      far.keyValues.createOrUpdate<number>({ bucket: 'origin', history: 2 }),
    );
    const watch = await origin.watch();
    await origin.put('a', 1);
    const revision = await origin.create('b', 2);
    await origin.update('b', 3, revision);
    expect((await origin.get('b'))?.value).toBe(3);
    expect((await origin.get('b', { consistent: true, revision }))?.value).toBe(2);
    expect((await watch.next()).value).toMatchObject({ key: 'a', value: 1 });
    expect((await origin.history('b')).map(({ value }) => value)).toEqual([2, 3]);
    watch.stop();

    const mirror = await near.keyValues.create<number>({
      bucket: 'mirror',
      mirror: { name: 'origin', domain: 'hub' },
    });
    await eventually(async () => expect((await mirror.get('b'))?.value).toBe(3));
    await mirror.put('c', 4);
    expect((await origin.get('c'))?.value).toBe(4);
    await eventually(async () => expect((await mirror.get('c'))?.value).toBe(4));
    expect((await collect(mirror.keys())).toSorted()).toEqual(['a', 'b', 'c']);
    await near.nc.close();
    await far.nc.close();
  });
});
