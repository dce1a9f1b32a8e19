import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JetStreamError } from '../../lib/errors/index.js';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { ObjectStores } from './object-stores.js';
import { interfere } from './unreliable-connection.js';

const MIB = 1_048_576;
const AT_ONCE = 2_000;

describe.skipIf(process.platform === 'win32')('a server that hangs', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;

  beforeEach(async () => {
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url, { timeout: 500 });
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
  });
  afterEach(async () => {
    server.resume();
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each(['while it sends chunks', 'while it waits for its source', 'while it stores the description'])(
    'does not block a put that is aborted %s, which leaves no chunk afterwards',
    async (when) => {
      const reason = new Error('no longer wanted');
      const controller = new AbortController();
      const { signal } = controller;
      async function* source(): AsyncGenerator<Uint8Array> {
        yield randomBytes(MIB);
        if (when.endsWith('description')) return;
        await expect.poll(() => stores.messages('B', 'C')).toBe(8);
        server.pause();
        setTimeout(() => controller.abort(reason), 100);
        if (when.endsWith('source')) await new Promise(() => undefined);
        for (;;) yield randomBytes(MIB);
      }
      if (when.endsWith('description')) {
        interfere(
          stores.jetstream.connection,
          (n) => {
            if (n > 0) return undefined;
            server.pause();
            setTimeout(() => controller.abort(reason), 100);
            return undefined;
          },
          'M',
        );
      }
      let abortedAt = Infinity;
      signal.addEventListener('abort', () => (abortedAt = performance.now()));
      await expect(store.put('a', source(), { signal })).rejects.toBe(reason);
      expect(performance.now() - abortedAt).toBeLessThan(AT_ONCE);
      server.resume();
      // It is either stored completely or not at all.
      const expected = when.endsWith('description') ? [0, 8] : [0];
      await expect
        .poll(async () => expected.includes(await stores.messages('B', 'C')), { timeout: 15_000 })
        .toBe(true);
      const size = (await stores.messages('B', 'M')) > 0 ? (await store.getBytes('a')).length : undefined;
      expect([undefined, MIB]).toContain(size);
    },
  );

  it('fails a get after its stall timeout, and does not block an aborted one', async () => {
    await store.putBytes('a', randomBytes(MIB));
    server.pause();
    const started = performance.now();
    await expect(store.get('a', { stallTimeout: 300 })).rejects.toThrow(JetStreamError);
    await expect(store.getBytes('a', { stallTimeout: 300 })).rejects.toThrow(JetStreamError);
    const signal = AbortSignal.timeout(100);
    await expect(store.get('a', { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(store.getBytes('a', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect(performance.now() - started).toBeLessThan(AT_ONCE);
  });

  it('keeps every object readable that was overwritten meanwhile', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `object ${i}`);
    await Promise.all(names.map((name) => store.putBytes(name, randomBytes(1_000))));
    const puts = names.map((name, i) =>
      sleep(i * 2).then(() => store.putBytes(name, randomBytes(2_000), { timeout: 500 })),
    );
    const outcomes = Promise.allSettled(puts);
    await sleep(40);
    server.pause();
    await sleep(6_500);
    server.resume();
    await outcomes;
    const sizes = await Promise.all(names.map(async (name) => (await store.getBytes(name)).length));
    expect(sizes.every((size) => size === 1_000 || size === 2_000)).toBe(true);
    await expect.poll(() => stores.messages('B', 'C'), { timeout: 15_000 }).toBe(names.length);
  });
});

describe('a description with an unknown outcome', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;

  beforeEach(async () => {
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url, { timeout: 100 });
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
    await store.putBytes('a', randomBytes(1_000));
  });
  afterEach(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  it('is resolved later if it was not stored: the new chunks are removed', async () => {
    interfere(stores.jetstream.connection, () => 'lost', 'M');
    await expect(store.putBytes('a', randomBytes(2_000))).rejects.toThrow('acknowledgement');
    expect(await stores.messages('B', 'C')).toBe(2);
    expect((await store.getBytes('a')).length).toBe(1_000);
    await expect.poll(() => stores.messages('B', 'C'), { timeout: 20_000 }).toBe(1);
    expect((await store.getBytes('a')).length).toBe(1_000);
  });

  it('is resolved later if it was stored: the old chunks are removed', async () => {
    interfere(stores.jetstream.connection, () => ({ delayed: 2_500 }), 'M');
    await expect(store.putBytes('a', randomBytes(2_000))).rejects.toThrow('acknowledgement');
    await expect.poll(async () => (await store.info('a')).size, { timeout: 10_000 }).toBe(2_000);
    expect((await store.getBytes('a')).length).toBe(2_000);
    await expect.poll(() => stores.messages('B', 'C'), { timeout: 20_000 }).toBe(1);
    expect((await store.getBytes('a')).length).toBe(2_000);
  });

  it('keeps no chunk of a deleted object', async () => {
    interfere(stores.jetstream.connection, (n) => (n < 1 ? 'ack lost' : undefined), 'M');
    await store.delete('a');
    expect(await stores.messages('B', 'C')).toBe(0);
  });
});
