import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AppModule, Shop } from '../../docs/snippets/quick-start.js';
import { NatsTestServer } from '../../lib/testing/index.js';

describe('the example of the README', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('bills an order and follows the invoice', async () => {
    await using server = await NatsTestServer.start();
    vi.stubEnv('NATS_URL', server.url);
    const seen = new Promise<string>((resolve) => {
      vi.spyOn(Logger.prototype, 'log').mockImplementation((line: string) => {
        if (line.startsWith('4711: ')) resolve(line);
      });
    });

    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    const ack = await app.get(Shop).place({ id: '4711', customer: 'Sue', total: 129.9 });
    expect(ack).toMatchObject({ stream: 'ORDERS', sequence: 1, duplicate: false });
    expect(await seen).toBe('4711: Sue owes 129.9');
    await app.close();
  });
});
