import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { getNatsConnectionToken, JsConsumer, KvWatch } from 'nestjs-nats-jetstream';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { type HealthApplication, startHealthy } from './support.js';

@Injectable()
class Work {
  @JsConsumer({ stream: 'S', durable: 'work' })
  pull(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'S', ordered: true })
  ordered(@Payload() _: unknown): void {}
  @KvWatch('bucket')
  watch(): void {}
}

const RESOURCES = { streams: ['S'], buckets: ['bucket'], usedStorage: 0.9 };

it('warns once if there is no connection to check', async () => {
  const logs = new LogRecorder();
  const app = await Test.createTestingModule({ imports: [JetStreamHealthModule] })
    .setLogger(logs)
    .compile();
  const health = app.get(JetStreamHealth);
  expect((await health.connection()).status).toBe('up');
  await health.handlers();
  expect(logs.of('warn', 'JetStreamHealth')).toEqual([
    expect.stringContaining('no connection that can be checked'),
  ]);
  await app.close();
});

describe('health on a server that is lost', () => {
  let server: NatsTestServer;
  let application: HealthApplication;
  beforeEach(async () => {
    server = await NatsTestServer.start();
    application = await startHealthy(server.url, {
      connection: { reconnectTimeWait: 20, maxReconnectAttempts: -1 },
      options: { shutdownTimeout: 300 },
      feature: { streams: [{ name: 'S', subjects: ['s'] }], keyValues: [{ bucket: 'bucket' }] },
      providers: [Work],
    });
  });
  afterEach(async () => {
    await application.app.close();
    await server.stop();
  });

  const all = async (grace: number, timeout?: number): Promise<Record<string, string>> => {
    const { health } = application;
    const limits = { grace, timeout };
    const [connection, handlers, resources] = await Promise.all([
      health.connection({ timeout }),
      health.handlers(limits),
      health.resources({ ...limits, ...RESOURCES }),
    ]);
    return {
      connection: connection.status,
      handlers: handlers.status,
      resources: resources.status,
      liveness: health.liveness().status,
    };
  };

  const UP = { connection: 'up', handlers: 'up', resources: 'up', liveness: 'up' };

  it('frozen: each check ends in time, and is down after the grace; it is live', async () => {
    expect(await all(0)).toEqual(UP);
    server.pause();
    // Answers are used again for a second.
    await eventually(
      () => application.health.connection({ timeout: 200 }),
      ({ status }) => status === 'down',
    );
    const start = performance.now();
    expect(await all(60_000, 200)).toEqual({ ...UP, connection: 'down' });
    expect(performance.now() - start).toBeLessThan(1_000);
    const report = await application.health.handlers({ grace: 60_000, timeout: 200 });
    expect(report.handlers[0]).toMatchObject({
      status: 'up',
      message: expect.stringContaining('did not answer') as string,
    });
    expect(await all(0, 200)).toEqual({
      connection: 'down',
      handlers: 'down',
      resources: 'down',
      liveness: 'up',
    });
    await eventually(
      () => application.health.handlers({ grace: 500, timeout: 200 }),
      ({ status }) => status === 'down',
    );
    const { connections, message } = await application.health.connection({ timeout: 200 });
    expect(connections[0]).toMatchObject({
      state: 'connected',
      message: 'The server did not answer within 200 ms.',
    });
    expect(message).toBe('Connection "default": The server did not answer within 200 ms.');
    server.resume();
    await eventually(
      () => all(0),
      (now) => JSON.stringify(now) === JSON.stringify(UP),
      20_000,
    );
  });

  it('a stream that is known to be missing stays down while the server does not answer', async () => {
    const { health } = application;
    const check = (): ReturnType<typeof health.resources> =>
      health.resources({ streams: ['MISSING'], grace: 60_000, timeout: 300 });
    expect((await check()).status).toBe('down');
    server.pause();
    try {
      const report = await check();
      expect(report.status).toBe('down');
      expect(report.message).toContain('The server did not answer within 300 ms.');
    } finally {
      server.resume();
    }
  });

  it('gone: the connection is down at once, the rest after the grace; it is live', async () => {
    await server.kill();
    await eventually(
      () => application.health.connection(),
      ({ status }) => status === 'down',
    );
    expect(await all(60_000)).toEqual({ ...UP, connection: 'down' });
    expect(await all(0)).toEqual({ connection: 'down', handlers: 'down', resources: 'down', liveness: 'up' });
    const { handlers } = await application.health.handlers({ grace: 0 });
    for (const each of handlers) {
      expect(each).toMatchObject({ connected: false, message: expect.stringContaining('no link') as string });
    }
    const { connections } = await application.health.connection();
    expect(connections[0]).toMatchObject({ state: 'disconnected' });
    expect(connections[0]).not.toHaveProperty('rtt');
    await server.restart();
    await eventually(
      () => all(0),
      (now) => JSON.stringify(now) === JSON.stringify(UP),
      20_000,
    );
    expect((await application.health.connection()).connections[0]).toMatchObject({ reconnects: 1 });
  });

  it('closed for good: everything is down at once, also with a long grace', async () => {
    await application.app.get<NatsConnection>(getNatsConnectionToken()).close();
    await eventually(
      () => application.health.liveness(),
      ({ status }) => status === 'down',
    );
    expect(application.health.liveness()).toEqual({
      status: 'down',
      message: 'Connection "default": It was closed for good. Restart the application.',
      stalled: [],
      closed: ['default'],
    });
    expect((await application.health.connection()).connections[0]).toMatchObject({ state: 'closed' });
    const { handlers } = await application.health.handlers({ grace: 60_000 });
    expect(handlers.map(({ status, state }) => `${status} ${state}`)).toEqual(Array(3).fill('down stopped'));
  });

  it('a round trip above maxRtt is down, and says how long it took', async () => {
    const report = await application.health.connection({ maxRtt: 0.000_1 });
    expect(report.status).toBe('down');
    expect(report.message).toMatch(/took [\d.]+ ms, more than 0\.0001 ms \(maxRtt\)/);
    const { connections } = await application.health.connection();
    expect(connections[0]?.rtt).toBeGreaterThan(0);
    expect(connections[0]).toMatchObject({
      connection: 'default',
      state: 'connected',
      reconnects: 0,
      server: server.name,
    });
  });
});
