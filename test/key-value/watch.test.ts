import { Kvm } from '@nats-io/kv';
import { headers } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BucketNotFoundError,
  ConnectionClosedError,
  InvalidArgumentError,
  RevisionNotReachedError,
  InvalidKeyError,
  UnsupportedServerFeatureError,
} from '../../lib/errors/index.js';
import type { KeyValue, KeyValueEntry, KeyValueWatch, KvWatcherOwner } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, collect, connectTo, eventually, startServer, uniqueName, VERSIONS } from './support.js';

describe.each(VERSIONS)('a watch on nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: Client;
  let kv: KeyValue<number>;

  let name: string;

  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    name = uniqueName('numbers');
    client = await connectTo(server.url);
    kv = await createNumbers('memory');
  });
  afterEach(async () => {
    await client.keyValues.delete(name).catch(() => undefined);
    await client.nc.close();
  });

  /** In the file store, nats-server 2.9 can skip a message for a consumer that is created right after its start. */
  function createNumbers(storage: 'memory' | 'file'): Promise<KeyValue<number>> {
    return client.keyValues.create<number>({ bucket: name, history: 3, storage });
  }

  /** The next entries, as short texts. */
  async function take(watch: KeyValueWatch<number>, count: number): Promise<string[]> {
    const texts: string[] = [];
    while (texts.length < count) {
      const { value } = await watch.next();
      texts.push(value ? inShort(value) : 'end');
    }
    return texts;
  }

  const inShort = ({ key, operation, value, initial }: KeyValueEntry<number>) =>
    `${initial ? 'initial ' : ''}${key} ${operation === 'PUT' ? value : operation}`;

  it('starts with the last value of each key and continues with every change', async () => {
    await kv.put('a', 1);
    await kv.put('a', 2);
    await kv.put('b', 3);
    await kv.delete('b');
    const watch = await kv.watch();
    expect(await take(watch, 2)).toEqual(['initial a 2', 'initial b DEL']);
    await kv.put('a', 4);
    await kv.purge('b');
    expect(await take(watch, 2)).toEqual(['a 4', 'b PURGE']);
    watch.stop();
  });

  it('reports the position of an entry', async () => {
    await kv.put('a', 1);
    await kv.put('b', 2);
    const watch = await kv.watch();
    const { value: first } = await watch.next();
    expect(first).toMatchObject({ bucket: name, key: 'a', revision: 1, delta: 1, initial: true });
    expect(first?.text()).toBe('1');
    expect(Math.abs((first?.created.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);
    expect((await watch.next()).value).toMatchObject({ key: 'b', revision: 2, delta: 0, initial: true });
    watch.stop();
  });

  it('reports when the initial values were handled, at once if there are none', async () => {
    const empty = await kv.watch();
    await empty.initialized;
    await kv.put('a', 1);
    await kv.put('b', 2);
    const watch = await kv.watch();
    const handled: string[] = [];
    let handledThen = 0;
    void watch.initialized.then(() => (handledThen = handled.length));
    const loop = (async () => {
      for await (const { key } of watch) {
        await Promise.resolve();
        handled.push(key);
      }
    })();
    await watch.initialized;
    expect(handledThen).toBe(2);
    await kv.put('c', 3);
    await eventually(() => expect(handled).toEqual(['a', 'b', 'c']));
    watch.stop();
    await loop;
    empty.stop();
  });

  it('ends when stopped, when its loop is left and when disposed', async () => {
    const watch = await kv.watch();
    const waiting = watch.next();
    watch.stop();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    await watch.initialized;

    await kv.put('a', 1);
    for await (const { key } of await kv.watch()) {
      expect(key).toBe('a');
      break;
    }
    {
      await using disposed = await kv.watch('>', { updatesOnly: true });
      expect(await collect(client.jetstream.listConsumers(`KV_${name}`))).toHaveLength(1);
      await disposed.initialized;
    }
    await eventually(async () => {
      expect(await collect(client.jetstream.listConsumers(`KV_${name}`))).toEqual([]);
    });
  });

  it('accepts one filter, with wildcards', async () => {
    for (const key of ['a.x', 'a.y', 'b.x', 'a.x.z']) await kv.put(key, 1);
    expect(await take(await kv.watch('a.*'), 2)).toEqual(['initial a.x 1', 'initial a.y 1']);
    expect(await take(await kv.watch('a.>'), 3)).toEqual([
      'initial a.x 1',
      'initial a.y 1',
      'initial a.x.z 1',
    ]);
    expect(await take(await kv.watch('b.x'), 1)).toEqual(['initial b.x 1']);
    expect(await take(await kv.watch(['*.x']), 2)).toEqual(['initial a.x 1', 'initial b.x 1']);
  });

  it.skipIf(version === '2.9')('accepts several filters', async () => {
    for (const key of ['a', 'b', 'c.d']) await kv.put(key, 1);
    expect(await take(await kv.watch(['a', 'c.*']), 2)).toEqual(['initial a 1', 'initial c.d 1']);
    expect(await collect(kv.keys(['b', 'c.>']))).toEqual(['b', 'c.d']);
  });

  it.runIf(version === '2.9')('rejects several filters if the server is too old', async () => {
    await expect(kv.watch(['a', 'b'])).rejects.toThrow(UnsupportedServerFeatureError);
    await expect(collect(kv.keys(['a', 'b']))).rejects.toThrow(UnsupportedServerFeatureError);
  });

  it('rejects filters that the Go client rejects', async () => {
    for (const filter of ['', '.a', 'a.', 'a..b', 'a b', '>.a', 'ü', 'x'.repeat(65_536)]) {
      await expect(kv.watch(filter)).rejects.toThrow(InvalidKeyError);
      await expect(collect(kv.keys(filter))).rejects.toThrow(InvalidKeyError);
    }
  });

  it('includes the history', async () => {
    for (const value of [1, 2, 3, 4]) await kv.put('a', value);
    await kv.delete('a');
    const watch = await kv.watch('a', { includeHistory: true });
    expect(await take(watch, 3)).toEqual(['initial a 3', 'initial a 4', 'initial a DEL']);
    watch.stop();
  });

  it('delivers updates only', async () => {
    await kv.put('a', 1);
    const watch = await kv.watch('>', { updatesOnly: true });
    await watch.initialized;
    await kv.put('b', 2);
    expect(await take(watch, 1)).toEqual(['b 2']);
    watch.stop();
  });

  it('ignores deletes and purges', async () => {
    await kv.put('gone', 1);
    await kv.delete('gone');
    await kv.put('a', 1);
    const watch = await kv.watch('>', { ignoreDeletes: true });
    expect(await take(watch, 1)).toEqual(['initial a 1']);
    await kv.delete('a');
    await kv.purge('a');
    await kv.put('b', 2);
    expect(await take(watch, 1)).toEqual(['b 2']);
    watch.stop();
  });

  it('delivers no values with metaOnly', async () => {
    await kv.put('a', 1);
    const watch = await kv.watch('>', { metaOnly: true });
    const { value } = await watch.next();
    expect(value).toMatchObject({ key: 'a', revision: 1, operation: 'PUT', value: undefined });
    expect(value?.bytes).toHaveLength(0);
    await kv.delete('a');
    expect((await watch.next()).value).toMatchObject({ operation: 'DEL' });
    watch.stop();
  });

  it('resumes from a revision', async () => {
    for (const value of [1, 2, 3]) await kv.put(`k${value}`, value);
    const watch = await kv.watch('>', { resumeFromRevision: 2 });
    expect(await take(watch, 2)).toEqual(['initial k2 2', 'initial k3 3']);
    await kv.put('k4', 4);
    expect(await take(watch, 1)).toEqual(['k4 4']);
    watch.stop();
    const fromNext = await kv.watch('>', { resumeFromRevision: 5 });
    await fromNext.initialized;
    await kv.put('k5', 5);
    expect(await take(fromNext, 1)).toEqual(['k5 5']);
    fromNext.stop();
  });

  it.each([1, 2, 10, 1_000_000])('does not resume %d revisions beyond the next one', async (beyond) => {
    for (const value of [1, 2, 3]) await kv.put('k', value);
    const failure: unknown = await kv
      .watch('>', { resumeFromRevision: 4 + beyond })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RevisionNotReachedError);
    expect(failure).toMatchObject({ bucket: name, revision: 4 + beyond, last: 3 });
    await expect(
      kv.follow(
        '>',
        { resumeFromRevision: 4 + beyond },
        { onEntry: () => undefined, onError: () => undefined },
      ),
    ).rejects.toThrow(RevisionNotReachedError);
  });

  it('resumes at the next revision of a bucket whose last ones were purged', async () => {
    const last = await kv.put('k', 1);
    await client.jetstream.stream(`KV_${name}`).then((stream) => stream.purge());
    const watch = await kv.watch('>', { resumeFromRevision: last + 1 });
    await kv.put('k', 2);
    expect(await take(watch, 1)).toEqual([`k ${last + 1}`]);
    watch.stop();
  });

  it('rejects contradictory or invalid options', async () => {
    // @ts-expect-error the types exclude it too
    await expect(kv.watch('>', { updatesOnly: true, includeHistory: true })).rejects.toThrow(
      InvalidArgumentError,
    );
    // @ts-expect-error the types exclude it too
    await expect(kv.watch('>', { updatesOnly: true, resumeFromRevision: 1 })).rejects.toThrow(
      InvalidArgumentError,
    );
    for (const resumeFromRevision of [0, -1, 1.5, NaN]) {
      await expect(kv.watch('>', { resumeFromRevision })).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('fails if the bucket is deleted, before or during the watch', async () => {
    const owner: KvWatcherOwner<number> = {
      onEntry: () => undefined,
      onError: (error) => errors.push(error),
    };
    const errors: Error[] = [];
    const watcher = await kv.follow('>', {}, owner);
    await client.keyValues.delete(name);
    await expect(kv.watch()).rejects.toThrow(BucketNotFoundError);
    await expect(collect(kv.keys())).rejects.toThrow(BucketNotFoundError);
    await expect(kv.history('a')).rejects.toThrow(BucketNotFoundError);
    // The deletion is detected at the next reconnect, or by missed heartbeats.
    await client.nc.reconnect();
    await eventually(() => expect(errors).toEqual([expect.any(BucketNotFoundError)]));
    await watcher.stop();
  });

  it('fails if the connection is closed', async () => {
    const watch = await kv.watch();
    await watch.initialized;
    const next = watch.next();
    await client.nc.close();
    await expect(next).rejects.toThrow(ConnectionClosedError);
    client = await connectTo(server.url);
  });

  it('continues after a server restart without gaps or repeats', async () => {
    await client.keyValues.delete(name);
    name = uniqueName('stored');
    kv = await createNumbers('file');
    const revisions: number[] = [];
    const watch = await kv.watch();
    const loop = (async () => {
      for await (const { revision } of watch) revisions.push(revision);
    })();
    const written: number[] = [];
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 100; i++) written.push(await kv.put(`k${i % 7}`, i));
      await server.restart();
    }
    for (let i = 0; i < 100; i++) written.push(await kv.put(`k${i % 7}`, i));
    await eventually(() => expect(revisions).toHaveLength(300));
    expect(revisions).toEqual(written);
    watch.stop();
    await loop;
  });

  it('starts again if the bucket was recreated', async () => {
    const heard: string[] = [];
    name = uniqueName('again');
    kv = await client.keyValues.create<number>({ bucket: name, storage: 'memory' });
    await kv.put('a', 1);
    const watcher = await kv.follow(
      '>',
      {},
      {
        onEntry: (entry) => void heard.push(inShort(entry)),
        onInitialized: () => heard.push('initialized'),
        onRestarted: () => heard.push('restarted'),
        onError: (error) => heard.push(error.name),
      },
    );
    await eventually(() => expect(heard).toHaveLength(2));
    await client.keyValues.delete(name);
    const again = await client.keyValues.create<number>({ bucket: name, storage: 'memory' });
    await again.put('b', 2);
    await client.nc.reconnect();
    await eventually(() => expect(heard).toHaveLength(5));
    expect(heard).toEqual(['initial a 1', 'initialized', 'restarted', 'initial b 2', 'initialized']);
    await watcher.stop();
  });

  it('makes the server wait for a slow reader, and loses no entry', async () => {
    const count = 3_000;
    await Promise.all(Array.from({ length: count }, (_, i) => kv.put(`k${i}`, i)));
    const watch = await kv.watch();
    let seen = 0;
    for await (const { value } of watch) {
      expect(value).toBe(seen);
      if (++seen % 1_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      if (seen === count) break;
    }
    expect(seen).toBe(count);
  });

  it('calls back one by one, and waits for a promise', async () => {
    await Promise.all([1, 2, 3].map((value) => kv.put(`k${value}`, value)));
    const heard: string[] = [];
    let running = 0;
    const watcher = await kv.follow(
      [],
      {},
      {
        async onEntry({ key }) {
          expect(++running).toBe(1);
          await new Promise((resolve) => setTimeout(resolve, 5));
          running--;
          heard.push(key);
        },
        onInitialized: () => heard.push('initialized'),
        onError: (error) => heard.push(error.message),
      },
    );
    await eventually(() => expect(heard).toHaveLength(4));
    expect(heard.at(-1)).toBe('initialized');
    await kv.put('k4', 4);
    await eventually(() => expect(heard.at(-1)).toBe('k4'));
    await watcher.stop();
    await kv.put('k5', 5);
    expect(heard).not.toContain('k5');
  });

  it('waits for the current entry when stopped', async () => {
    let release = (): void => undefined;
    let entered = false;
    const watcher = await kv.follow(
      '>',
      {},
      {
        onEntry: () => {
          entered = true;
          return new Promise((resolve) => (release = resolve));
        },
        onError: () => undefined,
      },
    );
    await kv.put('a', 1);
    await eventually(() => expect(entered).toBe(true));
    let stopped = false;
    const stopping = watcher.stop().then(() => (stopped = true));
    await client.nc.flush();
    expect(stopped).toBe(false);
    release();
    await stopping;
    expect(stopped).toBe(true);
  });

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('no');
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('no'))],
  ])('ends with a report if its callback %s', async (_how, onEntry: () => Promise<void>) => {
    await kv.put('a', 1);
    await kv.put('b', 2);
    const errors: Error[] = [];
    await kv.follow('>', {}, { onEntry, onError: (error) => errors.push(error) });
    await eventually(() => expect(errors).toEqual([new RangeError('no')]));
    await client.nc.flush();
    expect(errors).toHaveLength(1);
  });

  it('lists keys, each once, without removed ones', async () => {
    for (const key of ['b', 'a', 'c.d', 'gone']) await kv.put(key, 1);
    await kv.put('b', 2);
    await kv.delete('gone');
    expect(await collect(kv.keys())).toEqual(['a', 'c.d', 'b']);
    expect(await collect(kv.keys('c.>'))).toEqual(['c.d']);
    expect(await collect(kv.keys('none.*'))).toEqual([]);
    for await (const key of kv.keys()) {
      expect(key).toBe('a');
      break;
    }
  });

  it('receives changes of the raw client, and the raw client receives its changes', async () => {
    const raw = await new Kvm(client.nc).open(name);
    const rawWatch = await raw.watch();
    const watch = await kv.watch();
    await watch.initialized;
    await raw.put('a', '1');
    await raw.delete('a');
    await kv.put('b', 2);
    await kv.purge('b');
    expect(await take(watch, 4)).toEqual(['a 1', 'a DEL', 'b 2', 'b PURGE']);
    const heard: string[] = [];
    for await (const { key, operation } of rawWatch) {
      heard.push(`${key} ${operation}`);
      if (heard.length === 4) break;
    }
    expect(heard).toEqual(['a PUT', 'a DEL', 'b PUT', 'b PURGE']);
    watch.stop();
  });

  it('interprets the markers of the server', async () => {
    const watch = await kv.watch();
    for (const reason of ['MaxAge', 'Purge', 'Remove', 'Other']) {
      const marker = headers();
      marker.set('Nats-Marker-Reason', reason);
      await client.jetstream.publish(`$KV.${name}.a`, '', { headers: marker });
    }
    const operations: string[] = [];
    for await (const { operation } of watch) if (operations.push(operation) === 4) break;
    expect(operations).toEqual(['PURGE', 'PURGE', 'DEL', 'PUT']);
    expect((await kv.history('a')).map(({ operation }) => operation)).toEqual(['PURGE', 'DEL', 'PUT']);
  });

  it('purges the markers of removed keys: old ones completely, of new ones the history', async () => {
    await kv.put('kept', 1);
    await kv.put('gone', 1);
    await kv.put('gone', 2);
    await kv.delete('gone');
    expect(await kv.purgeDeletes()).toBe(2);
    expect((await kv.history('gone')).map(({ operation }) => operation)).toEqual(['DEL']);
    expect(await kv.purgeDeletes({ olderThan: 0 })).toBe(1);
    expect(await kv.history('gone')).toEqual([]);
    expect(await kv.purgeDeletes({ olderThan: 0 })).toBe(0);
    expect((await kv.get('kept'))?.value).toBe(1);
    await expect(kv.purgeDeletes({ olderThan: -1 })).rejects.toThrow(InvalidArgumentError);
  });
});
