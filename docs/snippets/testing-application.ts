// #region application
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('Orders', () => {
  let server: NatsTestServer;
  let app: INestApplication;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    const testingModule = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: server.url, waitOnFirstConnect: false } }),
        JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.>'] }] }),
      ],
    }).compile();
    app = await testingModule.createNestApplication().init();
  });

  afterAll(async () => {
    await app.close();
    await server.stop();
  });

  it('are stored', async () => {
    const ack = await app.get(JetStreamService).publish('orders.created', { id: 1 });
    expect(ack.sequence).toBe(1);
  });
});
// #endregion
