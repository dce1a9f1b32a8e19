import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Codec } from '../../lib/codecs/index.js';
import {
  BucketNotFoundError,
  BucketRecreatedError,
  ConnectionClosedError,
  InvalidArgumentError,
  InvalidKeyError,
  PayloadDecodingError,
} from '../../lib/errors/index.js';
import type { KeyValue, KvWatcherOwner } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import { RawPublisher } from '../connection/raw-publisher.js';
import { HOSTILE_BLOCKS } from '../jetstream/streams/hostile-headers.js';
import { type Client, collect, connectTo, eventually, startServer, uniqueName } from './support.js';

beforeAll(() => Logger.overrideLogger(false));

describe('a bucket', () => {
  let server: NatsTestServer;
  let client: Client;
  let bucket: string;
  let kv: KeyValue;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    client = await connectTo(server.url);
    bucket = uniqueName('hostile');
    kv = await client.keyValues.create({ bucket, history: 3, storage: 'memory' });
  });
  afterEach(async () => {
    await client.keyValues.delete(bucket).catch(() => undefined);
    await client.nc.close();
  });

  describe('with malformed headers', () => {
    it.each([
      ['an unknown operation', 'NATS/1.0\r\nKV-Operation: RUBBISH\r\n\r\n'],
      ['an empty operation', 'NATS/1.0\r\nKV-Operation:\r\n\r\n'],
      ['an unknown reason of a marker', 'NATS/1.0\r\nNats-Marker-Reason: Because\r\n\r\n'],
      ['a line feed in a value', 'NATS/1.0\r\nA: b\nc\r\n\r\n'],
      ['an umlaut in a name', 'NATS/1.0\r\nÄ: b\r\n\r\n'],
      ['a line without a colon', 'NATS/1.0\r\nabc\r\n\r\n'],
      ['a forged sequence', 'NATS/1.0\r\nNats-Sequence: 999\r\nNats-Time-Stamp: never\r\n\r\n'],
      ['another version', 'XATS/9.9\r\nA: b\r\n\r\n'],
      ['no end', 'NATS/1.0\r\nA: b'],
      ['a status', 'NATS/1.0 503 Gone\r\n\r\n'],
    ])('is read, listed, copied and watched: %s', async (_, block) => {
      await kv.put('before', 1);
      const watch = await kv.watch();
      await using cached = await kv.cached();
      await using raw = await RawPublisher.connect(server.url);
      await raw.publish(`$KV.${bucket}.odd`, block, '2');
      const revision = await kv.put('after', 3);
      await cached.waitForRevision(revision);

      expect([...cached.keys()].toSorted()).toEqual(['after', 'before', 'odd']);
      expect((await collect(kv.keys())).toSorted()).toEqual(['after', 'before', 'odd']);
      expect((await kv.get('odd', { consistent: true }))?.value).toBe(2);
      expect(await kv.get('odd')).toMatchObject({ value: 2, revision: 2 });
      expect(await kv.history('odd')).toHaveLength(1);
      const heard: string[] = [];
      for await (const { key } of watch) {
        heard.push(key);
        if (key === 'after') break;
      }
      expect(heard).toEqual(['before', 'odd', 'after']);
    });

    it('is read the same by every method', async () => {
      // Headers of one byte make nats-server 2.15.1 fail for requests of keys without values.
      const blocks = Object.values(HOSTILE_BLOCKS).filter(({ length }) => length > 1);
      await using raw = await RawPublisher.connect(server.url);
      for (const [i, block] of blocks.entries()) {
        await raw.publish(`$KV.${bucket}.odd.${i}`, Buffer.from(block, 'latin1'), '2');
      }
      const keys: number[] = [];
      for (const i of blocks.keys()) {
        const [entry] = await kv.history(`odd.${i}`);
        const { revision, operation } = entry;
        expect(revision).toBe(i + 1);
        const value = operation === 'PUT' ? { revision, value: 2, created: entry.created } : undefined;
        if (value) keys.push(i);
        for (const options of [{}, { consistent: true }, { revision }]) {
          const read = await kv.get(`odd.${i}`, options);
          expect(read && { revision: read.revision, value: read.value, created: read.created }).toEqual(
            value,
          );
        }
      }
      // Without values, the server overwrites the end of the headers, and thereby a deletion marker without a line end.
      expect(await collect(kv.keys())).toEqual(expect.arrayContaining(keys.map((i) => `odd.${i}`)));
      expect(keys).toHaveLength(blocks.length - 1);
    });
  });

  it('with a value that cannot be decoded is listed, copied, watched and can be corrected', async () => {
    await kv.put('good', { a: 1 });
    await kv.put('bad', new TextEncoder().encode('{'));
    await using cached = await kv.cached();
    expect(cached.get('good')?.value).toEqual({ a: 1 });
    expect(() => cached.get('bad')?.value).toThrow(PayloadDecodingError);
    expect(() => cached.get('bad')?.value).toThrow(PayloadDecodingError);
    expect(cached.get('bad')?.text()).toBe('{');
    expect(await collect(kv.keys())).toEqual(['good', 'bad']);
    await expect(kv.modify('bad', () => 1)).rejects.toThrow(PayloadDecodingError);
    await cached.waitForRevision(await kv.put('bad', 2));
    expect(cached.get('bad')?.value).toBe(2);
  });

  const circle: Record<string, unknown> = {};
  circle.self = circle;

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a BigInt', 1n],
    ['an object that contains itself', circle],
    [
      'an object that throws',
      {
        toJSON(): never {
          throw new RangeError('no JSON');
        },
      },
    ],
  ])('rejects %s before anything is sent', async (_, value) => {
    await kv.put('a', 1);
    for (const write of [
      () => kv.put('a', value),
      () => kv.create('b', value),
      () => kv.update('a', value, 1),
      () => kv.modify('a', () => value),
    ]) {
      await expect(write()).rejects.toThrow(InvalidArgumentError);
    }
    expect((await kv.status()).streamInfo.state.lastSequence).toBe(1);
  });

  it.each([
    ['throws', () => void JSON.parse('{')],
    [
      'throws a value that is not an error',
      () => {
        throw Object.create(null);
      },
    ],
    ['returns text', () => 'text'],
    ['returns nothing', () => undefined],
    ['returns a promise', () => Promise.resolve(new Uint8Array(1))],
  ])('rejects values if its codec %s', async (_, encode) => {
    const codec = { contentType: 'x', encode, decode: () => 1 } as unknown as Codec<number>;
    const odd = await client.keyValues.open<number>(bucket, { codec });
    await expect(odd.put('a', 1)).rejects.toThrow(InvalidArgumentError);
    await expect(odd.create('a', 1)).rejects.toThrow(InvalidArgumentError);
    expect(await odd.put('a', new Uint8Array(1))).toBe(1);
  });

  it.each([
    ['throws', () => JSON.parse('{') as never, SyntaxError],
    ['rejects', () => Promise.reject(new RangeError('no')), RangeError],
    ['returns a function', () => () => 1, InvalidArgumentError],
    ['returns a promise of a symbol', () => Promise.resolve(Symbol('s')), InvalidArgumentError],
  ])('is unchanged if the function of modify %s', async (_, change, error) => {
    await kv.put('a', 1);
    await expect(kv.modify('a', change)).rejects.toThrow(error);
    expect((await kv.get('a'))?.revision).toBe(1);
    await expect(kv.modify('a', undefined as never)).rejects.toThrow(InvalidArgumentError);
  });

  describe('on a closed connection', () => {
    const operations: [string, () => Promise<unknown>][] = [
      ['get', () => kv.get('a')],
      ['consistent get', () => kv.get('a', { consistent: true })],
      ['put', () => kv.put('a', 1)],
      ['create', () => kv.create('a', 1)],
      ['delete', () => kv.delete('a')],
      ['modify', () => kv.modify('a', () => 1)],
      ['keys', () => collect(kv.keys())],
      ['history', () => kv.history('a')],
      ['watch', () => kv.watch()],
      ['watch from a revision', () => kv.watch([], { resumeFromRevision: 1 })],
      ['watch of updates', () => kv.watch([], { updatesOnly: true })],
      ['follow', () => kv.follow([], {}, { onEntry: () => undefined, onError: () => undefined })],
      ['cached', () => kv.cached()],
      ['purgeDeletes', () => kv.purgeDeletes()],
      ['status', () => kv.status()],
      ['lock', () => kv.lock('a')],
      ['open', () => client.keyValues.open(bucket)],
      ['names', () => collect(client.keyValues.names())],
    ];

    it.each(operations)('%s fails with an error of this library', async (_, operation) => {
      await client.nc.close();
      await expect(operation()).rejects.toThrow(ConnectionClosedError);
      client = await connectTo(server.url);
    });
  });

  describe('whose watch calls back', () => {
    const no = (): never => {
      throw new Error('no');
    };
    const hostile: [string, Partial<KvWatcherOwner<unknown>>][] = [
      ['onEntry that throws', { onEntry: no }],
      ['onEntry that rejects', { onEntry: () => Promise.reject(new Error('no')) }],
      ['onInitialized that throws', { onInitialized: no }],
      ['onInitialized that rejects', { onInitialized: () => Promise.reject(new Error('no')) }],
    ];

    it.each(hostile)('ends only that watch, and reports the reason: %s', async (_, callbacks) => {
      await kv.put('a', 1);
      await using neighbor = await kv.cached();
      const errors: string[] = [];
      const onError = (error: Error): void => void errors.push(error.message);
      const watcher = await kv.follow([], {}, { onEntry: () => undefined, ...callbacks, onError });
      await eventually(() => expect(errors).toEqual(['no']));
      await neighbor.waitForRevision(await kv.put('a', 2));
      expect(neighbor.get('a')?.value).toBe(2);
      await watcher.stop();
      expect(errors).toEqual(['no']);
    });

    it('survives an onError that throws or rejects', async () => {
      await kv.put('a', 1);
      const onError = vi.fn<() => void>(no);
      await kv.follow([], {}, { onEntry: no, onError });
      const rejecting = vi.fn<() => void>(() => Promise.reject(new Error('no')) as unknown as void);
      await kv.follow([], {}, { onEntry: no, onError: rejecting });
      await eventually(() => expect(onError.mock.calls.length + rejecting.mock.calls.length).toBe(2));
      expect(await collect(kv.keys())).toEqual(['a']);
    });
  });

  it('serves iterators that are used in an unusual order', async () => {
    await kv.put('a', 1);
    const watch = await kv.watch();
    const [first, second] = [watch.next(), watch.next()];
    expect((await first).value?.key).toBe('a');
    await watch.return();
    expect((await second).done).toBe(true);
    await watch.return();
    watch.stop();
    expect((await watch.next()).done).toBe(true);
    const unused = kv.keys();
    await unused.return();
    expect((await unused.next()).done).toBe(true);
    const failing = kv.keys('a..b');
    await expect(failing.next()).rejects.toThrow(InvalidKeyError);
    expect((await failing.next()).done).toBe(true);
  });

  describe('that was deleted and created again', () => {
    /** Writes some revisions, and creates the bucket again with fewer. */
    async function recreate(values: Record<string, number>): Promise<void> {
      await client.keyValues.delete(bucket);
      const again = await client.keyValues.create({ bucket, history: 3, storage: 'memory' });
      for (const [key, value] of Object.entries(values)) await again.put(key, value);
    }

    it.each([
      ['far behind', 1],
      ['ahead', 8],
    ])(
      'is watched from its start if resumeFromRevision is of its previous incarnation: %s',
      async (_, count) => {
        for (let i = 0; i < 5; i++) await kv.put('old', i);
        const values = Object.fromEntries(Array.from({ length: count }, (_value, i) => [`new${i}`, i]));
        await recreate(values);
        const watch = await kv.watch([], { resumeFromRevision: 6 });
        const heard: unknown[] = [];
        while (heard.length < count) heard.push((await watch.next()).value?.key);
        expect(heard).toEqual(Object.keys(values));
        watch.stop();
      },
    );

    it('is delivered once to a watch that began afterwards', async () => {
      await kv.put('old', 1);
      await recreate({ a: 1 });
      const heard: string[] = [];
      const watcher = await kv.follow(
        [],
        {},
        {
          onEntry: ({ key }) => void heard.push(key),
          onRestarted: () => heard.push('restarted'),
          onError: (error) => heard.push(error.name),
        },
      );
      await eventually(() => expect(heard).toEqual(['a']));
      await client.nc.reconnect();
      const other = await connectTo(server.url);
      await (await other.keyValues.open(bucket)).put('b', 2);
      await other.nc.close();
      await eventually(() => expect(heard.at(-1)).toBe('b'));
      expect(heard).toEqual(['a', 'b']);
      await watcher.stop();
    });

    it('is followed by a live copy, which rejects waiting for an old revision', async () => {
      const revision = await kv.put('old', 1);
      await using cached = await kv.cached();
      const waiting = cached.waitForRevision(revision + 100);
      waiting.catch(() => undefined);
      await client.keyValues.delete(bucket);
      // The copy has detected that the bucket was deleted, and waits for it.
      await client.nc.reconnect();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const again = await client.keyValues.create({ bucket, history: 3, storage: 'memory' });
      await again.put('new', 1);
      await eventually(() => expect([...cached.keys()]).toEqual(['new']));
      await expect(waiting).rejects.toThrow(BucketRecreatedError);
      expect(cached.error).toBeUndefined();
    });

    it('ends its watches in bounded time if it is not created again', async () => {
      const impatient = await connectTo(server.url, {}, { timeout: 300 });
      const theirs = await impatient.keyValues.open(bucket);
      const watch = await theirs.watch();
      const cached = await theirs.cached();
      const next = watch.next();
      next.catch(() => undefined);
      await client.keyValues.delete(bucket);
      await impatient.nc.reconnect();
      await expect(next).rejects.toThrow(BucketNotFoundError);
      await eventually(() => expect(cached.error).toBeInstanceOf(BucketNotFoundError));
      await impatient.nc.close();
    });
  });
});
