import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidKeyError, TooManyConflictsError } from '../../lib/errors/index.js';
import type { KeyValue } from '../../lib/key-value/index.js';
import type { NatsTestServer } from '../../lib/testing/index.js';
import { type Client, connectTo, startServer, uniqueName, VERSIONS } from './support.js';

describe.each(VERSIONS)('modify on nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: Client;
  let kv: KeyValue<number>;

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
    name = uniqueName('counters');
    kv = await client.keyValues.create<number>({ bucket: name, storage: 'memory' });
  });
  afterEach(() => client.keyValues.delete(name));

  const increment = (current = 0) => current + 1;

  it('starts with undefined if there is no value, or no longer one', async () => {
    expect(await kv.modify('visits', increment)).toEqual({ value: 1, revision: 1, changed: true });
    expect(await kv.modify('visits', increment)).toEqual({ value: 2, revision: 2, changed: true });
    await kv.delete('visits');
    expect(await kv.modify('visits', async (current) => increment(current))).toEqual({
      value: 1,
      revision: 4,
      changed: true,
    });
    expect((await kv.get('visits'))?.value).toBe(1);
  });

  it('writes nothing if the function returns undefined', async () => {
    await kv.put('visits', 7);
    expect(await kv.modify('visits', () => undefined)).toEqual({ value: 7, revision: 1, changed: false });
    expect(await kv.modify('never', () => undefined)).toEqual({
      value: undefined,
      revision: 0,
      changed: false,
    });
    expect(await kv.get('never')).toBeUndefined();
  });

  it('starts again after a concurrent write', async () => {
    await kv.put('visits', 1);
    const seen: (number | undefined)[] = [];
    const result = await kv.modify('visits', async (current = 0) => {
      seen.push(current);
      if (seen.length < 3) await kv.put('visits', current + 10);
      return current + 1;
    });
    expect(seen).toEqual([1, 11, 21]);
    expect(result).toEqual({ value: 22, revision: 4, changed: true });
  });

  it('fails after the allowed number of attempts', async () => {
    let calls = 0;
    const failing = kv.modify(
      'visits',
      async () => {
        await kv.put('visits', -1);
        return ++calls;
      },
      { attempts: 3 },
    );
    await expect(failing).rejects.toThrow(TooManyConflictsError);
    await expect(failing).rejects.toMatchObject({ bucket: name, key: 'visits', attempts: 3 });
    expect(calls).toBe(3);
  });

  it('passes on errors of the function', async () => {
    await expect(
      kv.modify('visits', () => {
        throw new RangeError('enough');
      }),
    ).rejects.toThrow(RangeError);
  });

  it('rejects invalid options', async () => {
    for (const attempts of [0, -1, 1.5, NaN]) {
      await expect(kv.modify('visits', increment, { attempts })).rejects.toThrow(InvalidArgumentError);
    }
    await expect(kv.modify('visits', increment, { backoff: -1 })).rejects.toThrow(InvalidArgumentError);
    await expect(kv.modify('no such', increment)).rejects.toThrow(InvalidKeyError);
  });

  // This test is slow and does not depend on the version.
  it.runIf(version === '2.15')(
    'loses no update of ten writers of one key',
    { timeout: 180_000 },
    async () => {
      const writers = await Promise.all(Array.from({ length: 10 }, () => connectTo(server.url)));
      await Promise.all(
        writers.map(async ({ nc, keyValues }) => {
          const mine = await keyValues.open<number>(name);
          for (let i = 0; i < 1_000; i++) await mine.modify('visits', increment);
          await nc.close();
        }),
      );
      expect((await kv.get('visits'))?.value).toBe(10_000);
      expect((await kv.get('visits'))?.revision).toBe(10_000);
    },
  );
});
