import { Kvm } from '@nats-io/kv';
import { headers } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Codec } from '../../lib/codecs/index.js';
import {
  BucketNotFoundError,
  InvalidArgumentError,
  InvalidKeyError,
  KeyDeletedError,
  KeyExistsError,
  KeyNotFoundError,
  KeyTtlDisabledError,
  MaxMessageSizeExceededError,
  NoStreamResponseError,
  PayloadTooLargeError,
  RevisionMismatchError,
  StreamFullError,
  UnsupportedServerFeatureError,
  PayloadDecodingError,
} from '../../lib/errors/index.js';
import type { KeyValue } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, connectTo, eventually, startServer, uniqueName, VERSIONS } from './support.js';

interface Profile {
  readonly color: string;
}

describe.each(VERSIONS)('values of a bucket on nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: Client;
  let kv: KeyValue<Profile>;

  let name: string;

  beforeAll(async () => {
    server = await startServer(version);
    client = await connectTo(server.url);
  });
  afterAll(async () => {
    await client.nc.close();
    await server.stop();
  });
  beforeEach(async () => {
    name = uniqueName('profiles');
    kv = await client.keyValues.create<Profile>({ bucket: name, history: 5 });
  });
  afterEach(() => client.keyValues.delete(name).catch(() => undefined));

  async function disallowDirectGets() {
    const { config } = (await client.jetstream.stream(`KV_${name}`)).cachedInfo;
    await client.jetstream.updateStream({ ...config, allowDirect: false });
  }

  it('are put and read, with all fields of an entry', async () => {
    const before = Date.now();
    expect(await kv.put('sue', { color: 'blue' })).toBe(1);
    expect(await kv.put('sue', { color: 'red' })).toBe(2);
    const entry = await kv.get('sue');
    expect(entry).toMatchObject({
      bucket: name,
      key: 'sue',
      value: { color: 'red' },
      revision: 2,
      operation: 'PUT',
      delta: 0,
      initial: false,
    });
    expect(entry?.text()).toBe('{"color":"red"}');
    expect(entry?.bytes.length).toBe(15);
    expect(entry?.value).toBe(entry?.value);
    expect(Math.abs((entry?.created.getTime() ?? 0) - before)).toBeLessThan(5_000);
  });

  it('are the same if read from the leader', async () => {
    await kv.put('sue', { color: 'blue' });
    const entry = await kv.get('sue', { consistent: true });
    const direct = await kv.get('sue');
    expect(entry).toMatchObject({ key: 'sue', value: { color: 'blue' }, revision: 1, operation: 'PUT' });
    expect(entry?.created).toEqual(direct?.created);
    expect(entry?.text()).toBe('{"color":"blue"}');
  });

  it('are undefined if they do not exist, for every method', async () => {
    await kv.put('gone', { color: 'grey' });
    await kv.delete('gone');
    await kv.put('purged', { color: 'grey' });
    await kv.purge('purged');
    for (const key of ['never', 'gone', 'purged']) {
      expect(await kv.get(key)).toBeUndefined();
      expect(await kv.get(key, { consistent: true })).toBeUndefined();
      expect(await kv.get(key, { revision: 2 })).toBeUndefined();
    }
  });

  it('are returned by getOrThrow, which throws if they do not exist', async () => {
    await kv.put('sue', { color: 'blue' });
    expect((await kv.getOrThrow('sue')).value.color).toBe('blue');
    await kv.delete('sue');
    const missing = await kv.getOrThrow('never').catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(KeyNotFoundError);
    expect(missing).not.toBeInstanceOf(KeyDeletedError);
    expect(missing).toMatchObject({ bucket: name, key: 'never' });
    const deleted = await kv.getOrThrow('sue').catch((error: unknown) => error);
    expect(deleted).toBeInstanceOf(KeyDeletedError);
    expect(deleted).toBeInstanceOf(KeyNotFoundError);
    expect(deleted).toMatchObject({ revision: 2 });
  });

  it('of an older revision are read, but only those of the key', async () => {
    await kv.put('sue', { color: 'blue' });
    await kv.put('joe', { color: 'green' });
    await kv.put('sue', { color: 'red' });
    for (const consistent of [false, true]) {
      expect((await kv.get('sue', { revision: 1, consistent }))?.value).toEqual({ color: 'blue' });
      expect(await kv.get('sue', { revision: 2, consistent })).toBeUndefined();
      expect(await kv.get('sue', { revision: 99, consistent })).toBeUndefined();
    }
    for (const revision of [0, -1, 1.5, NaN]) {
      await expect(kv.get('sue', { revision })).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('are created although another client deletes their key again at the same time', async () => {
    const other = await connectTo(server.url);
    const theirs = await other.keyValues.open<Profile>(name);
    for (let i = 0; i < 100; i++) {
      const key = `deleted-${i}`;
      await kv.delete(key);
      let created = false;
      const deletions = (async () => {
        while (!created) await theirs.delete(key);
      })();
      await expect(kv.create(key, { color: 'blue' })).resolves.toBeGreaterThan(0);
      created = true;
      await deletions;
    }
    await other.nc.close();
  });

  it('are created once, and again after a deletion or a purge', async () => {
    expect(await kv.create('sue', { color: 'blue' })).toBe(1);
    const failure = await kv.create('sue', { color: 'red' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KeyExistsError);
    expect(failure).toMatchObject({ bucket: name, key: 'sue', code: 10071 });
    await kv.delete('sue');
    expect(await kv.create('sue', { color: 'red' })).toBe(3);
    await kv.purge('sue');
    expect(await kv.create('sue', { color: 'pink' })).toBe(5);
    expect((await kv.get('sue'))?.value.color).toBe('pink');
  });

  it('are updated at the expected revision only', async () => {
    const revision = await kv.put('sue', { color: 'blue' });
    const next = await kv.update('sue', { color: 'red' }, revision);
    const failure = await kv.update('sue', { color: 'pink' }, revision).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RevisionMismatchError);
    expect(failure).toMatchObject({ bucket: name, key: 'sue', expected: revision, actual: next });
    expect((await kv.get('sue'))?.value.color).toBe('red');
    for (const bad of [-1, 0.5, NaN, Infinity]) {
      await expect(kv.update('sue', { color: 'x' }, bad)).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('are deleted and purged at the expected revision only', async () => {
    const revision = await kv.put('sue', { color: 'blue' });
    await expect(kv.delete('sue', { revision: revision + 1 })).rejects.toThrow(RevisionMismatchError);
    await expect(kv.purge('sue', { revision: revision + 1 })).rejects.toThrow(RevisionMismatchError);
    expect(await kv.delete('sue', { revision })).toBe(revision + 1);
    expect(await kv.purge('sue', { revision: revision + 1 })).toBe(revision + 2);
  });

  it('keep their history, and lose it when purged', async () => {
    for (const color of ['blue', 'red']) await kv.put('sue', { color });
    await kv.delete('sue');
    const history = await kv.history('sue');
    expect(history.map(({ operation, revision, value }) => [operation, revision, value])).toEqual([
      ['PUT', 1, { color: 'blue' }],
      ['PUT', 2, { color: 'red' }],
      ['DEL', 3, undefined],
    ]);
    expect(history.map(({ delta }) => delta)).toEqual([2, 1, 0]);
    await kv.purge('sue');
    expect((await kv.history('sue')).map(({ operation }) => operation)).toEqual(['PURGE']);
    expect(await kv.history('never')).toEqual([]);
  });

  it('are encoded by the codec of the bucket; bytes are stored unchanged', async () => {
    const csv: Codec<string[]> = {
      contentType: 'text/csv',
      encode: (value) => new TextEncoder().encode(value.join(',')),
      decode: (data) => new TextDecoder().decode(data).split(','),
    };
    const lists = await client.keyValues.open<string[]>(name, { codec: csv });
    await lists.put('list', ['a', 'b']);
    expect((await lists.get('list'))?.text()).toBe('a,b');
    expect((await lists.get('list'))?.value).toEqual(['a', 'b']);
    await lists.put('bytes', Uint8Array.from([0, 255, 10]));
    expect([...((await lists.get('bytes'))?.bytes ?? [])]).toEqual([0, 255, 10]);
    const texts = await client.keyValues.open<string>(name);
    await texts.put('text', 'plain');
    expect((await texts.get('text'))?.text()).toBe('"plain"');
    expect((await texts.get('text'))?.value).toBe('plain');
  });

  it('may be empty', async () => {
    await kv.put('empty', new Uint8Array(0));
    const entry = await kv.get('empty');
    expect(entry).toMatchObject({ operation: 'PUT', revision: 1 });
    expect(entry?.bytes).toHaveLength(0);
  });

  it('fail to decode when they are accessed, not before', async () => {
    await kv.put('broken', new TextEncoder().encode('{'));
    const entry = await kv.get('broken');
    expect(entry?.text()).toBe('{');
    expect(() => entry?.value).toThrow(PayloadDecodingError);
  });

  it('accept exactly the keys that the Go client accepts', async () => {
    for (const key of ['a', 'A-z_0/9=', 'x.y.z', '-', 'ends=']) {
      await kv.put(key, { color: key });
      expect((await kv.get(key))?.value.color).toBe(key);
    }
    for (const key of [
      '',
      '.a',
      'a.',
      'a..b',
      'a b',
      'a*',
      '*',
      '>',
      'a.>',
      'ü',
      'a\nb',
      'a:b',
      'x'.repeat(65_536),
    ]) {
      const refusals = await Promise.allSettled([
        kv.put(key, { color: '' }),
        kv.get(key),
        kv.get(key, { consistent: true }),
        kv.getOrThrow(key),
        kv.create(key, { color: '' }),
        kv.update(key, { color: '' }, 1),
        kv.delete(key),
        kv.purge(key),
      ]);
      for (const refusal of refusals) {
        expect(refusal).toMatchObject({
          status: 'rejected',
          reason: expect.any(InvalidKeyError) as InvalidKeyError,
        });
      }
    }
    // The longest accepted key does not break the connection.
    const long = 'k'.repeat(3_500);
    await kv.put(long, { color: 'long' });
    expect((await kv.get(long))?.value.color).toBe('long');
  });

  it('of 64 KiB, and up to the limit of the server', async () => {
    const bytes = new Uint8Array(65_536).fill(7);
    await kv.put('big', bytes);
    expect(Buffer.compare((await kv.get('big'))?.bytes ?? new Uint8Array(0), bytes)).toBe(0);
    await expect(kv.put('big', new Uint8Array(1_048_577))).rejects.toThrow(PayloadTooLargeError);
    await expect(kv.create('big', new Uint8Array(1_048_560))).rejects.toThrow(PayloadTooLargeError);
    await kv.put('big', new Uint8Array(1_048_576));
  });

  // nats-server 2.9 discards old messages instead.
  it.skipIf(version === '2.9')('are rejected if the bucket is full or they exceed its limit', async () => {
    const small = await client.keyValues.create({ bucket: 'small', maxValueSize: 100, maxBytes: 1_024 });
    await expect(small.put('k', new Uint8Array(101))).rejects.toThrow(MaxMessageSizeExceededError);
    const filling = Array.from({ length: 20 }, (_, i) => small.put(`k${i}`, new Uint8Array(90)));
    await expect(Promise.all(filling)).rejects.toThrow(StreamFullError);
    await client.keyValues.delete('small');
  });

  it('fail with BucketNotFoundError if the bucket was deleted', async () => {
    await client.keyValues.delete(name);
    await expect(kv.get('sue', { consistent: true })).rejects.toThrow(BucketNotFoundError);
    await expect(kv.status()).rejects.toThrow(BucketNotFoundError);
    await expect(kv.put('sue', { color: 'blue' })).rejects.toThrow(NoStreamResponseError);
  });

  // nats-server 2.9 sends no response if there is no responder for direct gets.
  it.skipIf(version === '2.9')(
    'fail with BucketNotFoundError in direct gets if the bucket was deleted',
    async () => {
      await client.keyValues.delete(name);
      await expect(kv.get('sue')).rejects.toThrow(BucketNotFoundError);
    },
  );

  it('are read from the leader if the bucket does not allow direct gets', async () => {
    await disallowDirectGets();
    await kv.put('sue', { color: 'blue' });
    const reopened = await client.keyValues.open<Profile>(name);
    expect((await reopened.get('sue'))?.value.color).toBe('blue');
    expect(await reopened.get('never')).toBeUndefined();
  });

  it.skipIf(version === '2.9')('are read if direct gets are no longer allowed', async () => {
    await disallowDirectGets();
    await kv.put('sue', { color: 'blue' });
    expect((await kv.get('sue'))?.value.color).toBe('blue');
    expect((await kv.get('sue', { revision: 1 }))?.value.color).toBe('blue');
    expect(await kv.get('never')).toBeUndefined();
  });

  it('with headers of other clients are read', async () => {
    const own = headers();
    own.set('Nats-Sequence', '4711');
    own.set('KV-Operation', 'SOMETHING');
    await client.jetstream.publish(`$KV.${name}.odd`, '{"color":"odd"}', { headers: own });
    expect(await kv.get('odd')).toMatchObject({ operation: 'PUT', revision: 1, value: { color: 'odd' } });
  });

  it('are read and written by the raw client too', async () => {
    const raw = await new Kvm(client.nc).open(name, { allow_direct: true });
    await kv.put('ours', { color: 'ours' });
    expect((await raw.get('ours'))?.json<Profile>().color).toBe('ours');
    await raw.put('theirs', '{"color":"theirs"}');
    expect((await kv.get('theirs'))?.value.color).toBe('theirs');
    await kv.delete('ours');
    await raw.delete('theirs');
    expect((await raw.get('ours'))?.operation).toBe('DEL');
    expect(await kv.get('theirs')).toBeUndefined();
    await kv.purge('ours');
    await raw.purge('theirs');
    expect((await raw.get('ours'))?.operation).toBe('PURGE');
    expect((await kv.history('theirs')).map(({ operation }) => operation)).toEqual(['PURGE']);
    await expect(raw.create('ours', '1')).resolves.toBeGreaterThan(0);
    await expect(kv.create('theirs', { color: 'x' })).resolves.toBeGreaterThan(0);
  });

  it.runIf(version === '2.15')('expire individually, and leave a marker', async () => {
    const expiring = await client.keyValues.create<Profile>({
      bucket: 'expiring',
      history: 2,
      // With a history, the server raises a shorter ttl to this one.
      limitMarkerTtl: 1_000,
    });
    const watch = await expiring.watch();
    await expiring.create('sue', { color: 'blue' }, { ttl: 1_000 });
    const operations: string[] = [];
    for await (const { operation } of watch) {
      operations.push(operation);
      if (operations.length === 2) break;
    }
    expect(operations).toEqual(['PUT', 'PURGE']);
    expect(await expiring.get('sue')).toBeUndefined();
    await expect(expiring.getOrThrow('sue')).rejects.toThrow(KeyDeletedError);
    await expiring.create('sue', { color: 'red' });
    await expiring.purge('sue', { ttl: 1_000 });
    await eventually(async () => expect((await expiring.status()).values).toBe(0));
    await client.keyValues.delete('expiring');
  });

  it.runIf(version === '2.15')('reject a ttl if the bucket allows none', async () => {
    const failure = await kv
      .create('sue', { color: 'blue' }, { ttl: 1_000 })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KeyTtlDisabledError);
    expect(failure).toMatchObject({ bucket: name, code: 10166 });
    await expect(kv.purge('sue', { ttl: 1_000 })).rejects.toThrow(KeyTtlDisabledError);
  });

  it('reject an invalid ttl', async () => {
    for (const ttl of [0, 999, 1_500, -1_000, NaN]) {
      await expect(kv.create('sue', { color: 'blue' }, { ttl })).rejects.toThrow(InvalidArgumentError);
    }
  });

  it.runIf(version !== '2.15')('reject a ttl if the server is too old', async () => {
    await expect(kv.create('sue', { color: '' }, { ttl: 1_000 })).rejects.toThrow(
      UnsupportedServerFeatureError,
    );
    await expect(kv.purge('sue', { ttl: 1_000 })).rejects.toThrow(UnsupportedServerFeatureError);
    expect(await kv.get('sue')).toBeUndefined();
  });
});
