import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamModule, JsConsumer, KvWatch, NatsSubscribe } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogRecorder } from '../support/log-recorder.js';

/** How long `app.close()` may take on a server that responds, in milliseconds. */
const AT_ONCE = 2_500;
const FEATURE = { streams: [{ name: 'TASKS', subjects: ['tasks'] }], keyValues: [{ bucket: 'settings' }] };

describe('app.close() while the application starts', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it.each([
    { after: 0, declares: true },
    { after: 2, declares: true },
    { after: 10, declares: true },
    { after: 30, declares: true },
    { after: 0, declares: false },
    { after: 3, declares: false },
  ])('ends at once after $after ms (declared resources: $declares)', async ({ after, declares }) => {
    @Injectable()
    class Handlers {
      @JsConsumer({ stream: 'TASKS', durable: 'tasks' })
      onTask(): void {}

      @KvWatch('settings')
      onSetting(): void {}

      @NatsSubscribe('core')
      onCore(): void {}
    }
    const root = JetStreamModule.forRoot({
      connection: { servers: server.url },
      // With this, a wait for an event that never happens would never end.
      shutdownTimeout: Infinity,
    });
    @Module({
      imports: declares ? [root, JetStreamModule.forFeature(FEATURE)] : [root],
      providers: [Handlers],
    })
    class AppModule {}
    const logger = new LogRecorder();
    const app = await NestFactory.create(AppModule, { logger, abortOnError: false });

    const started = app.init().catch(() => undefined);
    if (after > 0) await sleep(after);
    const begun = performance.now();
    await Promise.all([app.close(), app.close()]);

    expect(performance.now() - begun).toBeLessThan(AT_ONCE);
    expect(logger.of('warn').join()).not.toContain('did not confirm');
    await started;
  });
});
