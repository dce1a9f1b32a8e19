import {
  BucketNotFoundError,
  InvalidArgumentError,
  InvalidKeyError,
  InvalidObjectNameError,
  KeyNotFoundError,
  NotAKeyValueBucketError,
  ObjectDeletedError,
  ObjectNotFoundError,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { bytesOf, DataParts, HOSTILE } from './data-parts.js';

const BROKEN_UTF8 = Uint8Array.of(0xff, 0xfe, 0x41);
const HTML = '<img src=x onerror=alert(1)>\u001b[31m';

let server: NatsTestServer;
let data: DataParts;
beforeAll(async () => {
  server = await NatsTestServer.start();
  data = await DataParts.start(server.url);
});
afterAll(async () => {
  await data[Symbol.asyncDispose]();
  await server.stop();
});

describe('the view buckets', () => {
  const NAMES = Array.from({ length: 60 }, (_, i) => `b${String(i).padStart(3, '0')}`);
  beforeAll(async () => {
    for (const bucket of NAMES) {
      await data.kv.create({ bucket, storage: 'memory' });
      await data.os.create({ bucket, storage: 'memory' });
    }
    await data.js.createStream({ name: 'OTHER', subjects: ['$KV.other.>'], storage: 'memory' });
    await data.js.createStream({ name: 'ANOTHER', subjects: ['$O.other.C.>'], storage: 'memory' });
  });
  afterAll(() => data.clear());

  it.each(['key-value', 'object-store'])('has the buckets of the kind %s by name', async (kind) => {
    for (const limit of ['200', '60', '7']) {
      const { rows } = await data.pages('buckets', { kind, limit });
      expect(rows.map(({ name }) => name)).toEqual(NAMES);
      expect(new Set(rows.map((row) => row.kind))).toEqual(new Set([kind]));
    }
  });

  it('says how a bucket is configured, and what it contains', async () => {
    const bucket = await data.kv.create({
      bucket: 'a',
      history: 7,
      ttl: 60_000,
      description: HTML,
      storage: 'memory',
    });
    await bucket.put('x', 1);
    await bucket.put('x', 2);
    const { rows } = await data.view('buckets', { kind: 'key-value', limit: '1' });
    expect(rows).toEqual([
      {
        kind: 'key-value',
        name: 'a',
        description: HTML,
        entries: 2,
        bytes: expect.any(Number) as number,
        history: 7,
        ttl: 60_000,
        replicas: 1,
        storage: 'memory',
      },
    ]);
  });

  it.each([
    {},
    { kind: 'other' },
    { kind: '__proto__' },
    { kind: 'toString' },
    { kind: 'key-value', x: '1' },
  ])('refuses invalid parameters (%#)', async (query) => {
    await expect(data.view('buckets', query as Record<string, string>)).rejects.toThrow(InvalidArgumentError);
  });
});

describe.each([1, 3])('the view keys of a bucket with history %i', (history) => {
  const bucket = 'profiles';
  const KEYS = Array.from({ length: 5_000 }, (_, i) => `users.${i % 10}.k${i}`);
  /** The keys in the order in which they were last written. */
  let expected: string[];

  beforeAll(async () => {
    const store = await data.kv.create({ bucket, history, storage: 'memory' });
    const write = async (keys: readonly string[], value: string): Promise<void> => {
      // One after another on the wire, so that the order is known.
      await Promise.all(keys.map((key) => store.put(key, value)));
    };
    await write(KEYS, 'one');
    const again = KEYS.filter((_, i) => i % 3 === 0);
    await write(again, 'two, longer');
    const removed = KEYS.filter((_, i) => i % 100 === 0);
    for (const key of removed) await store.delete(key);
    const isRewritten = new Set([...again, ...removed]);
    expected = [
      ...KEYS.filter((key) => !isRewritten.has(key)),
      ...again.filter((key) => !removed.includes(key)),
      ...removed,
    ];
  });
  afterAll(() => data.clear());

  it.each(['200', '50'])('has each key once, in the order of its last change (limit %s)', async (limit) => {
    const { rows } = await data.pages('keys', { bucket, limit });
    expect(rows.map(({ key }) => key)).toEqual(expected);
    expect(rows.map(({ revision }) => revision)).toEqual(
      rows.map(({ revision }) => revision).toSorted((a, b) => a - b),
    );
  });

  it('says the size and the operation, without reading values', async () => {
    const { rows, total } = await data.view('keys', { bucket, filter: 'users.1.k1' });
    expect(rows).toEqual([
      {
        key: 'users.1.k1',
        revision: expect.any(Number) as number,
        time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        operation: 'PUT',
        size: '"one"'.length,
      },
    ]);
    expect(total).toBeUndefined();
    const deleted = await data.view('keys', { bucket, filter: 'users.0.k100' });
    expect(deleted.rows).toMatchObject([{ operation: 'DEL', size: 0 }]);
    expect((await data.view('keys', { bucket, limit: '1' })).total).toBe(5_000);
  });

  it('selects by a filter', async () => {
    const { rows } = await data.pages('keys', { bucket, filter: 'users.7.*', limit: '200' });
    expect(rows.map(({ key }) => key)).toEqual(expected.filter((key) => key.startsWith('users.7.')));
    expect((await data.view('keys', { bucket, filter: 'nothing.>' })).rows).toEqual([]);
    expect((await data.view('keys', { bucket, after: String(Number.MAX_SAFE_INTEGER) })).rows).toEqual([]);
  });

  it.each(['..', 'a b', 'a.>.b', '$', '', '\r\n', 'x'.repeat(1_048_576)])(
    'refuses the filter %#',
    async (filter) => {
      const error = await data.view('keys', { bucket, filter }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidKeyError);
      expect((error as Error).message.length).toBeLessThan(1_000);
    },
  );

  it('leaves no consumers', async () => {
    await data.view('keys', { bucket });
    const stream = await data.js.stream(`KV_${bucket}`);
    // Without a deletion, the server would keep them for 5 seconds.
    const left = await eventually(
      async () => (await stream.info()).state.consumers,
      (consumers) => consumers === 0,
      2_000,
    );
    expect(left).toBe(0);
  });

  it('ends when the caller leaves', async () => {
    const reason = new Error('the caller has left');
    await expect(data.view('keys', { bucket }, AbortSignal.abort(reason))).rejects.toThrow(reason);
  });
});

describe('the view keys', () => {
  afterAll(() => data.clear());

  it('ends after some revisions if all of them were replaced, and continues there', async () => {
    const store = await data.kv.create({ bucket: 'counters', history: 64, storage: 'memory' });
    for (let round = 0; round < 50; round++)
      await Promise.all(Array.from({ length: 60 }, (_, i) => store.put(`c${i}`, round)));
    const first = await data.view('keys', { bucket: 'counters' });
    expect(first).toMatchObject({ rows: [], next: '2000' });
    const { rows } = await data.pages('keys', { bucket: 'counters' });
    expect(rows.map(({ key }) => key)).toEqual(Array.from({ length: 60 }, (_, i) => `c${i}`));
  });

  it('is empty for an empty bucket', async () => {
    await data.kv.create({ bucket: 'empty', storage: 'memory' });
    expect(await data.view('keys', { bucket: 'empty' })).toEqual({ rows: [], total: 0 });
  });

  it('has the keys of a mirror', async () => {
    const origin = await data.kv.create({ bucket: 'origin', storage: 'memory' });
    await origin.put('x', 1);
    await data.kv.create({ bucket: 'mirror', mirror: { name: 'origin' }, storage: 'memory' });
    const keys = await eventually(
      async () => (await data.view('keys', { bucket: 'mirror' })).rows.map(({ key }) => key),
      ({ length }) => length > 0,
    );
    expect(keys).toEqual(['x']);
  });

  it('also has keys that other clients have written', async () => {
    const store = await data.kv.create({ bucket: 'foreign', storage: 'memory' });
    await store.put('plain', 1);
    await data.js.publish('$KV.foreign.__proto__', 'x');
    await data.js.publish('$KV.foreign.<b>', 'x', { headers: { 'Nats-Msg-Size': '77' } });
    const { rows } = await data.view('keys', { bucket: 'foreign' });
    expect(rows.map(({ key, size }) => [key, size])).toEqual([
      ['plain', 1],
      ['__proto__', 1],
      ['<b>', 1],
    ]);
  });

  it('rejects if there is no such bucket', async () => {
    for (const name of ['keys', 'objects'] as const)
      await expect(data.view(name, { bucket: 'nothing' })).rejects.toThrow(BucketNotFoundError);
    await data.js.createStream({ name: 'KV_plain', subjects: ['plain'], storage: 'memory' });
    await expect(data.view('keys', { bucket: 'plain' })).rejects.toThrow(NotAKeyValueBucketError);
    await expect(data.view('keys', {})).rejects.toThrow(InvalidArgumentError);
  });

  it.each(HOSTILE)('refuses the bucket %#', async (bucket) => {
    for (const name of ['keys', 'objects'] as const)
      await expect(data.view(name, { bucket })).rejects.toThrow(InvalidArgumentError);
    await expect(data.view('entry', { bucket, key: 'x' })).rejects.toThrow(InvalidArgumentError);
  });
});

describe('the view entry', () => {
  const bucket = 'values';
  beforeAll(async () => {
    const store = await data.kv.create({ bucket, history: 10, storage: 'memory' });
    await store.put('color', 'blue');
    await store.put('color', BROKEN_UTF8);
    await store.delete('color');
    await store.put('color', HTML);
    await store.put('large', new Uint8Array(1_000_000).fill(65));
  });
  afterAll(() => data.clear());

  it('has the history of a key, newest first', async () => {
    const entry = await data.view('entry', { bucket, key: 'color' });
    expect(entry).toMatchObject({ bucket, key: 'color' });
    expect(entry.revisions.map(({ revision, operation }) => [revision, operation])).toEqual([
      [4, 'PUT'],
      [3, 'DEL'],
      [2, 'PUT'],
      [1, 'PUT'],
    ]);
    expect(entry.revisions.map(({ payload }) => [payload.form, payload.content])).toEqual([
      ['json', JSON.stringify(HTML)],
      ['text', ''],
      ['base64', '//5B'],
      ['json', '"blue"'],
    ]);
    expect(entry.revisions[1].headers).toEqual([['KV-Operation', ['DEL']]]);
    const large = await data.view('entry', { bucket, key: 'large' });
    expect(large.revisions[0].payload).toMatchObject({ size: 1_000_000, truncated: true });
    expect(large.revisions[0].payload.content).toHaveLength(10_000);
  });

  it('rejects if there is no such key', async () => {
    for (const key of ['nothing', '__proto__', 'colo'])
      await expect(data.view('entry', { bucket, key })).rejects.toThrow(KeyNotFoundError);
  });

  it.each(['>', '*', 'c*', 'color.>', '..', '$', 'a b', '', '\r\n', 'x'.repeat(1_048_576)])(
    'refuses the key %#, so that it does not read the whole bucket',
    async (key) => {
      await expect(data.view('entry', { bucket, key })).rejects.toThrow(InvalidKeyError);
      await expect(data.download('entry', { bucket, key, revision: '1' })).rejects.toThrow(InvalidKeyError);
    },
  );

  it('has each revision as a file, byte for byte', async () => {
    const file = await data.download('entry', { bucket, key: 'color', revision: '2' });
    expect(file).toMatchObject({ fileName: 'values-color-2.bin', size: 3 });
    expect((await bytesOf(file.content)).equals(BROKEN_UTF8)).toBe(true);
    const removal = await data.download('entry', { bucket, key: 'color', revision: '3' });
    expect((await bytesOf(removal.content)).length).toBe(0);
    // The revision of another key, and one that does not exist.
    for (const revision of ['5', '99'])
      await expect(data.download('entry', { bucket, key: 'color', revision })).rejects.toThrow(
        KeyNotFoundError,
      );
    for (const revision of ['0', '-1', 'x', '9007199254740993'])
      await expect(data.download('entry', { bucket, key: 'color', revision })).rejects.toThrow(
        InvalidArgumentError,
      );
  });
});

describe('the view objects', () => {
  const bucket = 'files';
  const NAMES = Array.from({ length: 120 }, (_, i) => `folder/${i} ü.txt`);
  const isDeleted = (index: number): boolean => index % 4 === 0;
  beforeAll(async () => {
    const store = await data.os.create({ bucket, storage: 'memory' });
    for (const name of NAMES) await store.putString(name, 'text');
    for (const name of NAMES.filter((_, i) => isDeleted(i))) await store.delete(name);
  });
  afterAll(() => data.clear());

  it.each(['200', '13'])('has each object once, without deleted ones (limit %s)', async (limit) => {
    const { rows } = await data.pages('objects', { bucket, limit });
    expect(rows.map(({ name }) => name)).toEqual(NAMES.filter((_, i) => !isDeleted(i)));
    expect(rows[0]).toEqual({
      name: NAMES[1],
      size: 4,
      chunks: 1,
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      digest: expect.stringMatching(/^SHA-256=/) as string,
    });
  });

  it('shows descriptions cut, and links', async () => {
    const store = await data.os.create({ bucket: 'described', storage: 'memory' });
    const metadata = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, 'v'.repeat(5_000)]));
    const target = await store.putString({ name: '__proto__', description: HTML, metadata }, 'x');
    await store.addLink('link', target);
    // The invalid description of another client.
    await data.js.publish('$O.described.M.eA==', 'not JSON');
    const { rows } = await data.view('objects', { bucket: 'described' });
    expect(rows.map(({ name }) => name)).toEqual(['__proto__', 'link']);
    expect(rows[0].description).toBe(HTML);
    expect(Object.keys(rows[0].metadata ?? {})).toHaveLength(50);
    expect(rows[0].metadata?.k1).toHaveLength(1_001);
    expect(rows[1]).toMatchObject({ link: 'described/__proto__', size: 0 });
    const linked = await data.download('object', { bucket: 'described', name: 'link' });
    expect((await bytesOf(linked.content)).toString()).toBe('x');
  });

  it('has the content as a file, byte for byte', async () => {
    const store = await data.os.open(bucket);
    const content = Buffer.alloc(1_048_576, 'content');
    await store.putBytes('large.bin', content);
    const file = await data.download('object', { bucket, name: 'large.bin' });
    expect(file).toMatchObject({ fileName: 'large.bin', size: content.length });
    expect((await bytesOf(file.content)).equals(content)).toBe(true);
  });

  it('ends a download when the reader leaves, or the signal is aborted', async () => {
    const store = await data.os.open(bucket);
    await store.putBytes('huge.bin', new Uint8Array(8 * 1_048_576));
    const stream = await data.js.stream(`OBJ_${bucket}`);
    const noConsumers = (): Promise<number> =>
      eventually(
        async () => (await stream.info()).state.consumers,
        (consumers) => consumers === 0,
      );
    const left = await data.download('object', { bucket, name: 'huge.bin' });
    for await (const chunk of left.content) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await noConsumers();
    const controller = new AbortController();
    const aborted = await data.download('object', { bucket, name: 'huge.bin' }, controller.signal);
    const reason = new Error('the caller has left');
    const reading = (async () => {
      for await (const chunk of aborted.content) if (chunk.length > 0) controller.abort(reason);
    })();
    await expect(reading).rejects.toThrow(reason);
    await noConsumers();
    // A file that is not read has no consumer on the server.
    await data.download('object', { bucket, name: 'huge.bin' });
    expect((await stream.info()).state.consumers).toBe(0);
  });

  it('rejects if there is no such object', async () => {
    await expect(data.download('object', { bucket, name: 'nothing' })).rejects.toThrow(ObjectNotFoundError);
    await expect(data.download('object', { bucket, name: NAMES[0] })).rejects.toThrow(ObjectDeletedError);
    await expect(data.download('object', { bucket: 'nothing', name: 'x' })).rejects.toThrow(
      BucketNotFoundError,
    );
    for (const name of ['..', '*', '>', '$', '__proto__', '\r\n'])
      await expect(data.download('object', { bucket, name })).rejects.toThrow(ObjectNotFoundError);
    for (const name of ['', 'x'.repeat(1_048_576)])
      await expect(data.download('object', { bucket, name })).rejects.toThrow(InvalidObjectNameError);
    await expect(data.download('object', { bucket })).rejects.toThrow(InvalidArgumentError);
  });
});

describe.each(['2.9', '2.10'])('with nats-server %s', (version) => {
  it('keys, values and objects are read', async () => {
    await using old = await NatsTestServer.start({ version });
    await using parts = await DataParts.start(old.url);
    const store = await parts.kv.create({ bucket: 'old', history: 3, storage: 'memory' });
    for (let round = 0; round < 3; round++)
      await Promise.all(Array.from({ length: 300 }, (_, i) => store.put(`k${i}`, round)));
    const { rows } = await parts.pages('keys', { bucket: 'old', limit: '200' });
    expect(rows.map(({ key }) => key)).toEqual(Array.from({ length: 300 }, (_, i) => `k${i}`));
    expect((await parts.view('entry', { bucket: 'old', key: 'k7' })).revisions).toHaveLength(3);
    const files = await parts.os.create({ bucket: 'old', storage: 'memory' });
    await files.putString('a', 'text');
    expect((await parts.view('objects', { bucket: 'old' })).rows).toMatchObject([{ name: 'a', size: 4 }]);
    const { content } = await parts.download('object', { bucket: 'old', name: 'a' });
    expect((await bytesOf(content)).toString()).toBe('text');
  });
});
