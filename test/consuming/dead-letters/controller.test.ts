import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeadLettersController } from '../../../docs/snippets/dead-letters.js';
import { LogRecorder } from '../../support/log-recorder.js';

describe('the controller of the documentation', () => {
  let server: NatsTestServer;
  let app: INestApplication;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    const module = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: server.url } }),
        JetStreamModule.forFeature({ streams: [{ name: 'DEAD_LETTERS', subjects: ['dead-letters.>'] }] }),
      ],
      controllers: [DeadLettersController],
    })
      .setLogger(new LogRecorder())
      .compile();
    app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
  });
  afterAll(async () => {
    await app.close();
    await server.stop();
  });

  it.each([
    ['replay', 'POST', '/dead-letters/7/replay'],
    ['drop', 'DELETE', '/dead-letters/7'],
  ])('answers 404 to the %s of a dead letter that does not exist', async (_, method, path) => {
    const answer = await fetch(`${await app.getUrl()}${path}`, { method });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      statusCode: 404,
      message: expect.stringContaining('There is no dead letter 7') as string,
    });
  });
});
