import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ConnectionClosedError,
  InvalidArgumentError,
  LockLostError,
  LockNotObtainedError,
} from '../../lib/errors/index.js';
import type { KeyLock, KeyValue } from '../../lib/key-value/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, connectTo, eventually, startServer, uniqueName } from './support.js';

beforeAll(() => Logger.overrideLogger(false));

describe('a lock or an election ends', () => {
  let server: NatsTestServer;
  let client: Client;
  let other: Client;
  let bucket: string;
  let kv: KeyValue;
  let theirs: KeyValue;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    client = await connectTo(server.url);
    other = await connectTo(server.url);
    bucket = uniqueName('leases');
    kv = await client.keyValues.create({ bucket, storage: 'memory' });
    theirs = await other.keyValues.open(bucket);
  });
  afterEach(async () => {
    await other.keyValues.delete(bucket).catch(() => undefined);
    await client.nc.close();
    await other.nc.close();
  });

  it('at once if it is released during a renewal', async () => {
    const ttl = 3_000;
    for (let round = 0; round < 3; round++) {
      const lock = await kv.lock('job', { ttl });
      // The renewal is sent while the server is paused, and acknowledged after the release has started.
      await sleep(ttl / 3 - 100);
      server.pause();
      await sleep(200);
      const released = lock.release();
      await sleep(50);
      server.resume();
      await released;
      const since = performance.now();
      const next = await theirs.lock('job', { ttl });
      expect(performance.now() - since).toBeLessThan(ttl / 3);
      await next.release();
    }
  });

  it('when the connection is closed: the lock is lost at once, with the reason', async () => {
    const lock = await kv.lock('job', { ttl: 60_000 });
    await client.nc.close();
    await eventually(() => expect(lock.held).toBe(false));
    expect(lock.signal.reason).toBeInstanceOf(LockLostError);
    expect((lock.signal.reason as LockLostError).cause).toBeInstanceOf(ConnectionClosedError);
    const since = performance.now();
    await lock.release();
    expect(performance.now() - since).toBeLessThan(100);
  });

  it('when the connection is closed: the election deposes its leader and is forgotten', async () => {
    const events: string[] = [];
    const election = kv.elect('leader', {
      ttl: 60_000,
      onElected: () => events.push('elected'),
      onDeposed: () => events.push('deposed'),
    });
    await eventually(() => expect(events).toEqual(['elected']));
    const waiting = kv.elect('leader', { ttl: 60_000 });
    await client.nc.close();
    await eventually(() => expect(events).toEqual(['elected', 'deposed']));
    await eventually(() => expect(leasesOf(client)).toBe(0));
    expect(election.isLeader || waiting.isLeader).toBe(false);
    await Promise.all([election.stop(), waiting.stop()]);
  });

  it('without leaks, after 200 elections and 200 locks', async () => {
    for (let i = 0; i < 200; i++) {
      const election = kv.elect(`leader-${i % 5}`);
      await Promise.all([election.stop(), kv.lock(`lock-${i}`).then((lock) => lock.release())]);
    }
    expect(leasesOf(client)).toBe(0);
  });

  it.each([
    ['a server that is frozen', 500],
    ['no link', 200],
  ])('at shutdown within its limit, with %s', async (reason, limit) => {
    await using own = await NatsTestServer.start();
    const mine = await connectTo(own.url);
    const locks = await mine.keyValues.create({ bucket: 'locks', storage: 'memory' });
    const lock = await locks.lock('job', { ttl: 3_000 });
    const election = locks.elect('leader', { ttl: 3_000 });
    const contending = locks.elect('leader', { ttl: 3_000 });
    await eventually(() => expect(election.isLeader || contending.isLeader).toBe(true));
    if (reason === 'no link') {
      await own.kill();
      await vi.waitUntil(() => !mine.jetstream.connection.hasLink, { timeout: 10_000 });
    } else {
      own.pause();
    }
    const since = performance.now();
    await mine.keyValues.releaseLeases(500);
    expect(performance.now() - since).toBeLessThan(limit + 300);
    expect(lock.held || election.isLeader || contending.isLeader).toBe(false);
    if (reason !== 'no link') own.resume();
    await mine.nc.close();
  });

  it('even if its callbacks fail in every way', async () => {
    const thenable = {
      // oxlint-disable-next-line unicorn/no-thenable -- a hostile callback
      get then(): never {
        throw new Error('no then');
      },
    };
    const callbacks: (() => unknown)[] = [
      () => Promise.reject(new Error('rejected')),
      () => thenable,
      () => {
        throw Object.create(null);
      },
      () => 'rubbish',
      () => new Promise(() => undefined),
    ];
    for (const callback of callbacks) {
      const election = kv.elect('leader', { onElected: callback, onDeposed: callback });
      await eventually(() => expect(election.isLeader).toBe(true));
      await election.stop();
    }
    await using next = await theirs.lock('leader', { wait: 0 });
    expect(next.held).toBe(true);
  });

  it('when its leader stops it from inside onElected', async () => {
    const stopped: Promise<void>[] = [];
    const election = kv.elect('leader', { onElected: () => void stopped.push(election.stop()) });
    await eventually(() => expect(stopped).toHaveLength(1));
    await Promise.all(stopped);
    await using next = await theirs.lock('leader', { wait: 0 });
    expect(next.held).toBe(true);
  });

  it('backs off if it is taken away again and again', async () => {
    let elected = 0;
    const election = kv.elect('leader', {
      ttl: 200,
      onElected: () => {
        elected++;
        void theirs.purge('leader').catch(() => undefined);
      },
    });
    await sleep(2_000);
    await election.stop();
    expect(elected).toBeGreaterThan(0);
    expect(elected).toBeLessThan(20);
  });

  it('with a typed error for a key with a malformed record', async () => {
    for (const record of [
      'null',
      '{}',
      '[]',
      '{"id":1,"ttl":1}',
      '{"id":"a","ttl":-1}',
      '{"id":"a","ttl":null}',
      '{',
    ]) {
      await kv.put('job', new TextEncoder().encode(record));
      await expect(kv.lock('job', { wait: 0 })).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('with errors that name it without control characters, at a bounded length', async () => {
    const name = `\u001b[31m\n${'x'.repeat(5_000)}`;
    await using lock = await kv.lock('job', { name });
    const failure = await theirs.lock('job', { wait: 0 }).catch((error: unknown) => error as Error);
    expect(failure).toBeInstanceOf(LockNotObtainedError);
    expect((failure as Error).message).not.toMatch(/\p{Cc}/u);
    expect((failure as Error).message.length).toBeLessThan(500);
    expect(lock.held).toBe(true);
  });

  it('never because of a ttl longer than the limit of timers', async () => {
    const lock: KeyLock = await kv.lock('job', { ttl: 90 * 86_400_000 });
    const { revision } = (await kv.get('job')) ?? {};
    await sleep(300);
    expect(lock.held).toBe(true);
    expect((await kv.get('job'))?.revision).toBe(revision);
    await expect(theirs.lock('job', { wait: 100 })).rejects.toThrow(LockNotObtainedError);
    await lock.release();
  });

  it('soon after a restart of the server that deleted its bucket', async () => {
    const lock = await kv.lock('job', { ttl: 20_000 });
    const back = new Promise<void>((resolve) => client.jetstream.connection.listen({ onReconnect: resolve }));
    await server.restart();
    await back;
    const since = performance.now();
    await client.keyValues.create({ bucket, storage: 'memory' });
    await eventually(() => expect(lock.signal.aborted).toBe(true));
    // Without the reconnect it would be renewed after a third of its ttl.
    expect(performance.now() - since).toBeLessThan(4_000);
    expect(lock.signal.reason).toBeInstanceOf(LockLostError);
  });
});

/** The number of locks and elections that a service tracks. */
function leasesOf({ keyValues }: Client): number {
  return (keyValues as unknown as { leases: { size: number } }).leases.size;
}
