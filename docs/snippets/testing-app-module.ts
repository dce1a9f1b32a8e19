// #region app-module
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppModule, Shop } from './app.module.js';

describe('Shop', () => {
  let server: NatsTestServer;
  let app: INestApplicationContext;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    process.env.NATS_URL = server.url;
    const testingModule = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = await testingModule.init();
  });

  afterAll(async () => {
    await app.close();
    await server.stop();
    delete process.env.NATS_URL;
  });

  it('publishes orders', async () => {
    await app.get(Shop).place({ id: '4711', customer: 'Sue', total: 129.9 });
    const { state } = await (await app.get(JetStreamService).stream('ORDERS')).info();
    expect(state.messages).toBe(1);
  });
});
// #endregion
