import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BucketNotFoundError,
  InvalidArgumentError,
  InvalidKeyError,
  LockLostError,
  LockNotObtainedError,
} from '../../lib/errors/index.js';
import type { KeyLock, KeyValue } from '../../lib/key-value/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, connectTo, eventually, startServer, uniqueName, VERSIONS } from './support.js';

beforeAll(() => Logger.overrideLogger(false));

describe.each(VERSIONS)('locks on nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: Client;
  let other: Client;
  let kv: KeyValue;
  let theirs: KeyValue;

  let bucket: string;

  beforeAll(async () => {
    server = await startServer(version);
    client = await connectTo(server.url);
    other = await connectTo(server.url);
  });
  afterAll(async () => {
    await client.nc.close();
    await other.nc.close();
    await server.stop();
  });
  beforeEach(async () => {
    bucket = uniqueName('locks');
    kv = await client.keyValues.create({ bucket, storage: 'memory' });
    theirs = await other.keyValues.open(bucket);
  });
  afterEach(() => client.keyValues.delete(bucket).catch(() => undefined));

  it('are held by one client at a time, and passed on when released', async () => {
    const lock = await kv.lock('job', { name: 'first' });
    expect(lock.held).toBe(true);
    expect(lock.key).toBe('job');
    const failure = await theirs.lock('job', { wait: 0 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LockNotObtainedError);
    expect(failure).toMatchObject({ bucket, key: 'job', holder: 'first', waited: 0 });
    const waiting = theirs.lock('job');
    await lock.release();
    await lock.release();
    expect(lock.held).toBe(false);
    const next = await waiting;
    expect(next.held).toBe(true);
    expect(next.revision).toBeGreaterThan(lock.revision);
    await next.release();
  });

  it('are released at the end of the block', async () => {
    {
      await using lock = await kv.lock('job');
      expect(lock.held).toBe(true);
    }
    await using again = await theirs.lock('job', { wait: 0 });
    expect(again.held).toBe(true);
  });

  it('are renewed for as long as they are held', async () => {
    await using lock = await kv.lock('job', { ttl: 1_000 });
    await expect(theirs.lock('job', { wait: 2_000 })).rejects.toThrow(LockNotObtainedError);
    expect(lock.held).toBe(true);
    expect((await kv.get('job'))?.revision).toBeGreaterThan(lock.revision);
  });

  it.each([0, 100])(
    'of a crashed process are acquired by callers that wait for %d ms at a time',
    async (wait) => {
      const gone = await connectTo(server.url);
      await (await gone.keyValues.open(bucket)).lock('job', { ttl: 600 });
      await gone.nc.close();
      const before = performance.now();
      let lock: KeyLock | undefined;
      while (lock === undefined && performance.now() - before < 4_000) {
        // Each attempt opens the bucket again, as the requests of an application may do.
        const contender = await client.keyValues.open(bucket);
        lock = await contender.lock('job', { ttl: 600, wait }).catch(() => undefined);
      }
      expect(lock?.held).toBe(true);
      expect(performance.now() - before).toBeGreaterThan(500);
      await lock?.release();
    },
  );

  it('are not taken from a live holder by callers that do not wait', async () => {
    // Longer than the event loop may be blocked on a busy machine.
    await using lock = await kv.lock('job', { ttl: 1_200 });
    const before = performance.now();
    while (performance.now() - before < 3_000) {
      await expect(theirs.lock('job', { wait: 0 })).rejects.toThrow(LockNotObtainedError);
    }
    expect(lock.held).toBe(true);
  });

  it('of a crashed process are acquired after the ttl', async () => {
    const gone = await connectTo(server.url);
    const lost = await (await gone.keyValues.open(bucket)).lock('job', { ttl: 300 });
    await gone.nc.close();
    const before = performance.now();
    await using lock = await kv.lock('job');
    expect(performance.now() - before).toBeGreaterThan(200);
    expect(lock.revision).toBeGreaterThan(lost.revision);
    expect(lost.held).toBe(false);
    expect(lost.signal.reason).toBeInstanceOf(LockLostError);
  });

  it('are lost when another client removes them', async () => {
    const lock = await kv.lock('job', { ttl: 150 });
    await kv.purge('job');
    await eventually(() => expect(lock.signal.aborted).toBe(true));
    expect(lock.held).toBe(false);
    expect(lock.signal.reason).toBeInstanceOf(LockLostError);
    await lock.release();
  });

  it('are kept if a renewal was stored and its acknowledgement lost', async () => {
    await using lock = await kv.lock('job', { ttl: 1_500 });
    // As if the holder had written it without receiving the acknowledgement.
    const stored = await kv.getOrThrow('job', { consistent: true });
    await kv.update('job', stored.bytes, stored.revision);
    // The next renewal is sent after a third of the ttl, and finds an unexpected revision.
    await sleep(1_000);
    expect(lock.held).toBe(true);
  });

  it('are acquired by one of many waiting callers', async () => {
    const first = await kv.lock('job', { ttl: 500 });
    let holders = 0;
    const turns = Array.from({ length: 8 }, async (_, i) => {
      await using lock = await (i % 2 ? kv : theirs).lock('job', { ttl: 500 });
      expect(++holders).toBe(1);
      await sleep(5);
      holders--;
      return lock.revision;
    });
    await first.release();
    const revisions = await Promise.all(turns);
    expect(new Set(revisions).size).toBe(8);
  });

  it('stop waiting at the abort signal', async () => {
    await using lock = await kv.lock('job');
    const controller = new AbortController();
    const waiting = theirs.lock('job', { signal: controller.signal });
    waiting.catch(() => undefined);
    controller.abort(new RangeError('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(theirs.lock('job', { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(lock.held).toBe(true);
  });

  it('do not change keys that have values', async () => {
    await kv.put('value', { color: 'blue' });
    await expect(kv.lock('value')).rejects.toThrow(InvalidArgumentError);
    expect((await kv.get('value'))?.value).toEqual({ color: 'blue' });
  });

  it('reject invalid options', async () => {
    for (const ttl of [0, 99, -1, NaN, Infinity]) {
      await expect(kv.lock('job', { ttl })).rejects.toThrow(InvalidArgumentError);
      expect(() => kv.elect('job', { ttl })).toThrow(InvalidArgumentError);
    }
    await expect(kv.lock('job', { wait: -1 })).rejects.toThrow(InvalidArgumentError);
    await expect(kv.lock('no such')).rejects.toThrow(InvalidKeyError);
    await client.keyValues.delete(bucket);
    await expect(kv.lock('job')).rejects.toThrow(BucketNotFoundError);
  });

  it('are released at shutdown, and elections withdrawn', async () => {
    const lock = await kv.lock('job');
    const election = kv.elect('leader');
    await eventually(() => expect(election.isLeader).toBe(true));
    await client.keyValues.releaseLeases(10_000);
    expect(lock.held).toBe(false);
    expect(election.isLeader).toBe(false);
    await using next = await theirs.lock('job', { wait: 0 });
    expect(next.held).toBe(true);
    expect(await election.leader()).toBeUndefined();
  });

  it('elect one leader, and the next when it withdraws', async () => {
    const events: string[] = [];
    const candidates = ['a', 'b', 'c'].map((name, i) =>
      (i % 2 ? theirs : kv).elect('leader', {
        name,
        ttl: 500,
        onElected: ({ revision }) => events.push(`${name} elected ${revision > 0}`),
        onDeposed: () => events.push(`${name} deposed`),
      }),
    );
    const leading = () => candidates.filter(({ isLeader }) => isLeader);
    for (let rest = 3; rest > 0; rest--) {
      await eventually(() => expect(leading()).toHaveLength(1));
      const [leader] = leading();
      expect(await leader?.leader()).toBe(leader?.name);
      expect(leader?.leadership?.held).toBe(true);
      await leader?.stop();
      expect(leader?.isLeader).toBe(false);
      expect(leader?.leadership).toBeUndefined();
    }
    expect(events).toHaveLength(6);
    for (let i = 0; i < 6; i += 2) {
      const [name] = (events[i] ?? '').split(' ');
      expect(events.slice(i, i + 2)).toEqual([`${name} elected true`, `${name} deposed`]);
    }
  });

  it('elect again after a callback that throws', async () => {
    const election = kv.elect('leader', {
      onElected: () => {
        throw new Error('ignored');
      },
    });
    await eventually(() => expect(election.isLeader).toBe(true));
    await election.stop();
    await using next = theirs.elect('leader');
    await eventually(() => expect(next.isLeader).toBe(true));
  });

  it.runIf(version === '2.15')('are removed by the server if the bucket has limit markers', async () => {
    const expiring = await client.keyValues.create({
      bucket: 'expiring',
      limitMarkerTtl: 1_000,
      storage: 'memory',
    });
    const gone = await connectTo(server.url);
    await (await gone.keyValues.open('expiring')).lock('job', { ttl: 900 });
    await gone.nc.close();
    await eventually(async () => expect((await expiring.status()).values).toBe(0));
    await using lock = await expiring.lock('job', { wait: 0 });
    expect(lock.held).toBe(true);
    await client.keyValues.delete('expiring');
  });
});

describe('leaders', () => {
  it('never overlap while the server is paused and resumed twenty times', { timeout: 90_000 }, async () => {
    await using server = await NatsTestServer.start();
    const clients = await Promise.all(Array.from({ length: 4 }, () => connectTo(server.url)));
    const [first] = clients;
    await first?.keyValues.create({ bucket: 'locks', storage: 'memory' });
    const ttl = 300;
    const held: KeyLock[] = [];
    let changes = 0;
    let most = 0;
    const count = () => {
      const leaders = held.filter((lock) => lock.held).length;
      most = Math.max(most, leaders);
      return leaders;
    };
    const elections = await Promise.all(
      clients.map(async ({ keyValues }, i) =>
        (await keyValues.open('locks')).elect('leader', {
          ttl,
          name: `candidate ${i}`,
          onElected: (lock) => {
            held.push(lock);
            changes++;
            count();
          },
        }),
      ),
    );
    const watching = setInterval(count, 2);
    await eventually(() => expect(count()).toBe(1));
    for (let round = 0; round < 20; round++) {
      // Sometimes shorter than the ttl, sometimes longer.
      server.pause();
      await sleep(round % 2 ? 100 : 450);
      server.resume();
      await sleep(50 + Math.random() * 200);
    }
    await eventually(() => expect(count()).toBe(1));
    clearInterval(watching);
    expect(most).toBe(1);
    expect(changes).toBeGreaterThan(1);
    const tokens = held.map(({ revision }) => revision);
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
    for (const election of elections) await election.stop();
    for (const { nc } of clients) await nc.close();
  });
});
