import { Test } from '@nestjs/testing';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { DeadLetters, Handlers, JetStreamService, Schedules } from 'nestjs-nats-jetstream';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

// The snippets of the other libraries are compiled; those of this library run.
let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
  vi.stubEnv('NATS_URL', server.url);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

it('"Coming from BullMQ" works as described', { timeout: 60_000 }, async () => {
  const { AppModule, Uploads } = await import('../../docs/snippets/coming-from-bullmq-after.js');
  const failed = vi.spyOn(console, 'error').mockReturnValue(undefined);
  const app = await Test.createTestingModule({ imports: [AppModule] })
    .setLogger(new LogRecorder())
    .compile();
  await app.init();
  try {
    const uploads = app.get(Uploads);
    const handlers = app.get(Handlers);
    const jetstream = app.get(JetStreamService);
    await uploads.uploaded({ id: '7' });
    await uploads.uploaded({ id: '7' });
    await eventually(
      () => handlers.get('Encoder.process').handled,
      (handled) => handled === 1,
    );
    // Work that was done is removed from the stream.
    await eventually(
      async () => (await (await jetstream.stream('VIDEOS')).info()).state.messages,
      (messages) => messages === 0,
    );
    await jetstream.publish('videos.encode', { id: '' });
    await eventually(
      () => failed.mock.calls,
      (calls) => calls.length === 1 && String(calls[0]).includes('a video without an id'),
    );
    await uploads.retryFailed();
    const left = [];
    for await (const letter of app.get(DeadLetters).list()) left.push(letter);
    expect(left).toHaveLength(1);
    await uploads.remind({ id: '8' });
    const subjects = await (await jetstream.stream('VIDEOS')).info({ subjectFilter: '>' });
    expect(Object.keys(subjects.state.subjects ?? {}).toSorted()).toEqual(['videos.reminders.8']);
    const { cron, timeZone } = await app.get(Schedules).get('Cleaning.daily');
    expect({ cron, timeZone }).toEqual({ cron: '0 0 6 * * *', timeZone: 'Europe/Amsterdam' });
    const paused: boolean[] = [];
    await uploads.maintain(async () => {
      paused.push((await (await jetstream.consumer('VIDEOS', 'encoder')).info()).paused);
    });
    await uploads.pauseHere(async () => {
      paused.push(handlers.get('Encoder.process').status === 'paused');
    });
    expect(paused).toEqual([true, true]);
    expect(handlers.get('Encoder.process').status).toBe('running');
  } finally {
    await app.close();
    failed.mockRestore();
  }
});

it('"Coming from @golevelup/nestjs-rabbitmq" works as described', { timeout: 60_000 }, async () => {
  const { AppModule, Shop } = await import('../../docs/snippets/coming-from-rabbitmq-after.js');
  const settings = vi.spyOn(console, 'log').mockReturnValue(undefined);
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .setLogger(new LogRecorder())
    .compile();
  const app = module.createNestApplication();
  app.connectMicroservice<MicroserviceOptions>({
    strategy: new JetStreamServer({ name: 'prices', connection: module.get(JetStreamService) }),
  });
  await app.startAllMicroservices();
  await app.init();
  try {
    const shop = app.get(Shop);
    const handlers = app.get(Handlers);
    await shop.place({ id: '7', total: 12 });
    await shop.place({ id: '7', total: 12 });
    await eventually(
      () => handlers.get('Billing.onOrder').handled,
      (handled) => handled === 1,
    );
    expect(await shop.price('table')).toBe(5);
    const { nc } = app.get(JetStreamService).connection;
    nc.publish('settings.color', '"red"');
    await eventually(
      () => settings.mock.calls,
      (calls) => calls.length === 1,
    );
    expect(settings.mock.calls).toEqual([['red']]);
  } finally {
    await app.close();
    settings.mockRestore();
  }
});
