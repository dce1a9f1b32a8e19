import { readFile } from 'node:fs/promises';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { KeyValueService } from '../../lib/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { buildGoProgram, type GoProgram } from '../support/go-program.js';

const docs = new URL('../../docs/', import.meta.url);

describe('"Coming from the Go client"', () => {
  let server: NatsTestServer;
  let program: GoProgram;

  beforeAll(async () => {
    [server, program] = await Promise.all([
      NatsTestServer.start(),
      buildGoProgram(new URL('snippets/go/', docs)),
    ]);
    vi.stubEnv('NATS_URL', server.url);
  }, 300_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await program[Symbol.asyncDispose]();
    await server.stop();
  });

  it('shows Go code that works as described', async () => {
    expect((await program.run(server.url)).trim().split('\n')).toEqual([
      'published 1',
      'shipped 1',
      'shipped 2',
      'shipped 3',
      'fetched 4',
      '{"color":"blue"}',
      'sue KeyValuePutOp',
      'Call Sue.',
      'no such stream',
    ]);
  });

  it('shows snippets that do the same with this library, after Go on the same server', async () => {
    const { AppModule, Orders } = await import('../../docs/snippets/coming-from-go.js');
    const module = await Test.createTestingModule({ imports: [AppModule], providers: [Orders] }).compile();
    const app = await module.init();
    try {
      const orders = app.get(Orders);
      const left = await orders.streams();
      expect(left.cachedInfo).toMatchObject({
        config: { subjects: ['orders.>'], maxAge: 86_400_000 },
        state: { messages: 5 },
      });
      // The message that Go has published is recognized as a duplicate by its id.
      expect(await orders.publish({ id: '4711', total: 12.5 })).toBe(1);
      await orders.publishAsync(['1', '2', '3']);

      // The consumer continues where Go stopped.
      const shipping = await orders.consumer(left);
      const shipped: string[] = [];
      const ship = (data: Uint8Array) => void shipped.push(Buffer.from(data).toString());
      const consumption = orders.consume(shipping, ship);
      await vi.waitFor(() => expect(shipped).toEqual(['1', '2', '3']), 10_000);
      await consumption.stop();
      await orders.publishAsync(['4']);
      await orders.fetch(shipping, ship);
      expect(shipped).toEqual(['1', '2', '3', '4']);

      const print = vi.fn<(...values: string[]) => void>();
      await app.get(KeyValueService).delete('profiles');
      await orders.keyValue(print);
      expect(print.mock.calls).toEqual([['blue'], ['sue', 'PUT']]);
      expect(await orders.objectStore()).toBe('Call Sue.');
      expect(await orders.find()).toBe('no such stream');
    } finally {
      await app.close();
    }
  });

  it('maps each name of the Go client that its snippets use', async () => {
    const go = await readFile(new URL('snippets/go/orders.go', docs), 'utf8');
    const page = await readFile(new URL('coming-from-the-go-client.md', docs), 'utf8');
    const mapped = new Set(
      page.split('\n').flatMap((line) => {
        const [, left = ''] = line.split('|');
        return [...left.matchAll(/`([A-Za-z.]+)`/g)].map(([, name = '']) => name);
      }),
    );
    const used = [...go.matchAll(/\b(\w+)\.([A-Z]\w*)/g)]
      .filter(([, owner = '']) => !OTHERS.includes(owner))
      .map(([, , name = '']) => name);
    expect(used.length).toBeGreaterThan(30);
    expect([...new Set(used)].filter((name) => !mapped.has(name))).toEqual([]);
  });
});

/** Names that do not belong to the Go client: the standard library, and an order. */
const OTHERS = ['context', 'json', 'errors', 'fmt', 'time', 'o'];
