import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BucketNotFoundError, ConnectionClosedError, WatchStoppedError } from '../../lib/errors/index.js';
import type { KeyValue } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, connectTo, eventually, startServer, uniqueName, VERSIONS } from './support.js';

describe.each(VERSIONS)('a live copy on nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: Client;
  let kv: KeyValue<number>;

  let name: string;

  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    name = uniqueName('settings');
    client = await connectTo(server.url);
    kv = await client.keyValues.create<number>({ bucket: name, history: 3 });
  });
  afterEach(async () => {
    await client.keyValues.delete(name).catch(() => undefined);
    await client.nc.close();
  });

  it('has every value when it is opened', async () => {
    for (let i = 0; i < 500; i++) await kv.put(`k${i % 100}`, i);
    await kv.delete('k0');
    await using cached = await kv.cached();
    expect(cached.size).toBe(99);
    expect(cached.has('k1')).toBe(true);
    expect(cached.has('k0')).toBe(false);
    expect(cached.get('k0')).toBeUndefined();
    const entry = cached.get('k1');
    expect(entry).toMatchObject({
      bucket: name,
      key: 'k1',
      value: 401,
      revision: 402,
      operation: 'PUT',
    });
    expect(entry?.created).toEqual((await kv.get('k1'))?.created);
    expect([...cached.keys()]).toHaveLength(99);
    expect([...cached].map(({ value }) => value)).toEqual([...cached.values()].map(({ value }) => value));
  });

  it('is opened at once for an empty bucket', async () => {
    await using cached = await kv.cached();
    expect(cached.size).toBe(0);
    expect(cached.bucket).toBe(name);
  });

  it('includes a write after waiting for its revision', async () => {
    await using cached = await kv.cached();
    for (let i = 0; i < 50; i++) {
      const revision = await kv.put('a', i);
      await cached.waitForRevision(revision);
      expect(cached.get('a')?.value).toBe(i);
      expect(cached.revision).toBe(revision);
    }
    await cached.waitForRevision(await kv.purge('a'));
    expect(cached.get('a')).toBeUndefined();
    await cached.waitForRevision(1);
  });

  it('catches up with filtered changes by the next heartbeat', async () => {
    await using cached = await kv.cached('in.*');
    await kv.put('in.a', 1);
    const revision = await kv.put('out.a', 2);
    await cached.waitForRevision(revision);
    expect(cached.get('in.a')?.value).toBe(1);
    expect(cached.has('out.a')).toBe(false);
  });

  it('does not retain the network buffers of its values', async () => {
    await kv.put('a', 1);
    await using cached = await kv.cached();
    expect(cached.get('a')?.bytes.buffer.byteLength).toBe(1);
  });

  it('follows through a server restart', async () => {
    await using cached = await kv.cached();
    await kv.put('a', 1);
    await server.restart();
    const revision = await kv.put('a', 2);
    await cached.waitForRevision(revision);
    expect(cached.get('a')?.value).toBe(2);
  });

  it('has exactly the values of a recreated bucket', async () => {
    name = uniqueName('again');
    kv = await client.keyValues.create<number>({ bucket: name, storage: 'memory' });
    await kv.put('old', 1);
    await using cached = await kv.cached();
    await client.keyValues.delete(name);
    const again = await client.keyValues.create<number>({ bucket: name, storage: 'memory' });
    await again.put('new', 2);
    await client.nc.reconnect();
    await eventually(() => expect(cached.has('new')).toBe(true));
    expect(cached.has('old')).toBe(false);
    expect(cached.error).toBeUndefined();
  });

  it('can still be read after it was stopped, and reports that it is', async () => {
    await kv.put('a', 1);
    const cached = await kv.cached();
    const waiting = cached.waitForRevision(1_000);
    waiting.catch(() => undefined);
    await cached.stop();
    await expect(waiting).rejects.toThrow(WatchStoppedError);
    await kv.put('a', 2);
    await expect(cached.waitForRevision(2)).rejects.toThrow(WatchStoppedError);
    expect(cached.get('a')?.value).toBe(1);
  });

  it('reports why it stopped following the bucket', async () => {
    const cached = await kv.cached();
    const waiting = cached.waitForRevision(1);
    waiting.catch(() => undefined);
    await client.nc.close();
    await expect(waiting).rejects.toThrow(ConnectionClosedError);
    expect(cached.error).toBeInstanceOf(ConnectionClosedError);
    await expect(cached.waitForRevision(1)).rejects.toThrow(ConnectionClosedError);
    client = await connectTo(server.url);
  });

  it('of a missing bucket is rejected', async () => {
    await client.keyValues.delete(name);
    await expect(kv.cached()).rejects.toThrow(BucketNotFoundError);
  });
});
