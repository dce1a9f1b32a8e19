import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  KeyExistsError,
  NoStreamResponseError,
  PublishTimeoutError,
  RequestTimeoutError,
  RevisionMismatchError,
} from '../../lib/errors/index.js';
import type { KeyValue } from '../../lib/key-value/index.js';
import type { NatsTestProxy, NatsTestServer } from '../../lib/testing/index.js';
import { type Client, collect, connectTo, eventually, startServer, uniqueName } from './support.js';

beforeAll(() => Logger.overrideLogger(false));

/** How long a request waits, in milliseconds. It is repeated after a quarter of that. */
const TIMEOUT = 1_200;

describe('when responses of the server are lost', () => {
  let server: NatsTestServer;
  let proxy: NatsTestProxy;
  let client: Client;
  let direct: Client;
  let bucket: string;
  let kv: KeyValue<number>;
  let stored: KeyValue<number>;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    proxy = await server.proxy();
    client = await connectTo(proxy.url, { ignoreClusterUpdates: true }, { timeout: TIMEOUT });
    direct = await connectTo(server.url);
    bucket = uniqueName('unknown');
    stored = await direct.keyValues.create<number>({ bucket, history: 10, storage: 'memory' });
    kv = await client.keyValues.open<number>(bucket);
    // The inbox is subscribed to.
    await kv.get('any');
  });
  afterEach(async () => {
    await direct.keyValues.delete(bucket).catch(() => undefined);
    await client.nc.close();
    await direct.nc.close();
    await proxy.close();
  });

  /** Drops everything that the server sends for a while: it executes requests, but the client receives no responses. */
  async function losing<T>(ms: number, operation: () => Promise<T>): Promise<T> {
    proxy.halfOpen('from-server');
    const result = operation();
    result.catch(() => undefined);
    await sleep(ms);
    proxy.heal();
    return result;
  }

  const writes: [string, number, () => Promise<unknown>][] = [
    ['create', 2, () => kv.create('a', 7)],
    ['update', 2, () => kv.update('a', 7, 1)],
    ['delete at a revision', 2, () => kv.delete('a', { revision: 1 })],
    ['purge at a revision', 2, () => kv.purge('a', { revision: 1 })],
    ['delete', 2, () => kv.delete('a')],
    ['purge', 2, () => kv.purge('a')],
    ['put', 2, () => kv.put('a', 7)],
  ];

  it.each(writes)('%s succeeds and stores its value once', async (name, revision, write) => {
    await stored.put(name === 'create' ? 'other' : 'a', 1);
    expect(await losing(200, write)).toBe(revision);
    const { streamInfo } = await stored.status();
    expect(streamInfo.state.lastSequence).toBe(revision);
  });

  it('modify counts once', async () => {
    await stored.put('count', 1);
    // The read is a direct get, which is repeated; the write is recognized.
    const { value } = await losing(200, () => kv.modify('count', (count = 0) => count + 1));
    expect(value).toBe(2);
    expect((await stored.get('count'))?.value).toBe(2);
  });

  describe('and another client writes before the write is repeated', () => {
    let short: KeyValue<number>;
    let shortStored: KeyValue<number>;

    beforeEach(async () => {
      const config = { bucket: `${bucket}-short`, history: 1, storage: 'memory' } as const;
      shortStored = await direct.keyValues.create<number>(config);
      short = await client.keyValues.open<number>(config.bucket);
    });
    afterEach(() => direct.keyValues.delete(`${bucket}-short`));

    /** Lets the other client write when a write is stored whose response is lost. */
    async function overtaken<T>(
      of: KeyValue<number>,
      write: () => Promise<T>,
      other: () => Promise<unknown>,
    ): Promise<T> {
      const { revision = 0 } = (await of.get('a')) ?? {};
      const result = write();
      result.catch(() => undefined);
      await eventually(async () => expect((await of.get('a'))?.revision ?? -1).toBeGreaterThan(revision));
      await other();
      proxy.heal();
      return result;
    }

    const count = (current = 0): number => current + 1;
    /** Only the response to the write is lost, not that to the read. */
    const countUnheard = (current?: number): number => {
      if (current === 1) proxy.halfOpen('from-server');
      return count(current);
    };

    it('modify counts once', async () => {
      await stored.put('a', 1);
      const { value } = await overtaken(
        stored,
        () => kv.modify('a', countUnheard),
        () => stored.modify('a', count),
      );
      expect(value).toBe(2);
      expect((await stored.get('a'))?.value).toBe(3);
    });

    it('modify does not count twice if the history does not show the first change', async () => {
      await shortStored.put('a', 1);
      const counted = overtaken(
        shortStored,
        () => short.modify('a', countUnheard),
        () => shortStored.modify('a', count),
      );
      await expect(counted).rejects.toThrow(PublishTimeoutError);
      expect((await shortStored.get('a'))?.value).toBe(3);
    });

    describe.each<[string, (of: KeyValue<number>, revision: number) => Promise<number>]>([
      ['create', (of) => of.create('a', 7)],
      ['update', (of, revision) => of.update('a', 7, revision)],
    ])('%s', (name, write) => {
      async function overwritten(mine: KeyValue<number>, theirs: KeyValue<number>): Promise<number> {
        const before = name === 'create' ? 0 : await theirs.put('a', 1);
        proxy.halfOpen('from-server');
        return overtaken(
          theirs,
          async () => (await write(mine, before)) - before,
          () => theirs.put('a', 8),
        );
      }

      it('reports its revision', async () => {
        expect(await overwritten(kv, stored)).toBe(1);
      });

      it('reports that the outcome is unknown if the history does not show it', async () => {
        await expect(overwritten(short, shortStored)).rejects.toThrow(PublishTimeoutError);
      });
    });

    it.each<[string, () => Promise<unknown>]>([
      ['update', () => short.update('a', 7, 1)],
      ['delete at a revision', () => short.delete('a', { revision: 1 })],
      ['purge at a revision', () => short.purge('a', { revision: 1 })],
    ])('%s reports that another write came first', async (_, write) => {
      await shortStored.put('a', 1);
      await shortStored.update('a', 2, 1);
      await expect(losing(200, write)).rejects.toThrow(RevisionMismatchError);
    });
  });

  it('create does not mistake the same value of another client for its own', async () => {
    await stored.create('a', 7);
    await expect(losing(200, () => kv.create('a', 7))).rejects.toThrow(KeyExistsError);
  });

  it('a lock is acquired by the contender whose record is stored', async () => {
    const lock = await losing(250, () => kv.lock('job', { ttl: 5_000 }));
    expect(lock.held).toBe(true);
    await lock.release();
    await (await stored.lock('job', { wait: 0 })).release();
  });

  const reads: [string, () => Promise<unknown>, unknown][] = [
    ['get', async () => (await kv.get('a'))?.value, 1],
    ['consistent get', async () => (await kv.get('a', { consistent: true }))?.value, 1],
    ['keys', () => collect(kv.keys()), ['a']],
    ['history', async () => (await kv.history('a')).length, 1],
    ['status', async () => (await kv.status()).values, 1],
    [
      'cached',
      async () => {
        await using cached = await kv.cached();
        return [...cached.keys()];
      },
      ['a'],
    ],
    [
      'watch',
      async () => {
        await using watch = await kv.watch();
        return (await watch.next()).value?.value;
      },
      1,
    ],
  ];

  it.each(reads)('%s repeats its request within its own timeout', async (_, read, answer) => {
    await stored.put('a', 1);
    expect(await losing(250, read)).toEqual(answer);
  });

  it.each([
    ['keys', () => collect(kv.keys())],
    ['history', () => kv.history('a')],
    ['cached', () => kv.cached()],
    ['purgeDeletes', () => kv.purgeDeletes()],
    ['consistent get', () => kv.get('a', { consistent: true })],
  ] as [string, () => Promise<unknown>][])('%s ends when the server stays silent', async (_, read) => {
    await stored.put('a', 1);
    proxy.halfOpen('from-server');
    const since = performance.now();
    await expect(read()).rejects.toThrow(RequestTimeoutError);
    expect(performance.now() - since).toBeLessThan(3 * TIMEOUT);
    proxy.heal();
  });

  it('a listing ends when the server falls silent in the middle of it', async () => {
    for (let i = 0; i < 3; i++) await stored.put(`k${i}`, i);
    const keys = kv.keys();
    await keys.next();
    proxy.halfOpen('from-server');
    const rest = collect(keys);
    // Keys that had already arrived are still listed.
    await rest.then(
      (listed) => expect(listed).toHaveLength(2),
      (error: unknown) => expect(error).toBeInstanceOf(RequestTimeoutError),
    );
    proxy.heal();
  });

  it('a write waits for a stream that is briefly unavailable, but not for a deleted bucket', async () => {
    await direct.keyValues.delete(bucket);
    const put = kv.put('a', 1);
    await sleep(100);
    await direct.keyValues.create({ bucket, storage: 'memory' });
    expect(await put).toBe(1);

    await direct.keyValues.delete(bucket);
    const failure = await kv.create('b', 1).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NoStreamResponseError);
    expect((failure as Error).cause).toBeDefined();
  });

  it('a caller that waits for a lock keeps waiting while the server is silent', async () => {
    const first = await stored.lock('job', { ttl: 5_000 });
    const waiting = losing(TIMEOUT + 200, () => kv.lock('job', { ttl: 5_000 }));
    waiting.catch(() => undefined);
    await sleep(TIMEOUT + 300);
    await first.release();
    const lock = await waiting;
    await eventually(() => expect(lock.held).toBe(true));
    await lock.release();
  });
});
