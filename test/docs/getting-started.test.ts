import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NatsTestServer } from '../../lib/testing/index.js';

describe('the application of "Getting started"', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('publishes, consumes, watches and stores', async () => {
    await using server = await NatsTestServer.start();
    vi.stubEnv('NATS_URL', server.url);
    const { AppModule, Archive, Reminders, Shop } = await import('../../docs/snippets/getting-started.js');
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();

    await app.get(Shop).place({ id: '4711', customer: 'Sue', total: 129.9 });
    await vi.waitUntil(() => app.get(Reminders).open.size > 0);
    expect([...app.get(Reminders).open]).toEqual([['4711', { customer: 'Sue', total: 129.9 }]]);

    await app.get(Archive).keep('terms.txt', 'Pay within thirty days.');
    expect(await app.get(Archive).read('terms.txt')).toBe('Pay within thirty days.');
    await app.close();
  });
});
