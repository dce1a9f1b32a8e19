import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type HealthApplication, startHealthy } from './support.js';

@Injectable()
class Work {
  @JsConsumer({ stream: 'S', durable: 'work', filterSubjects: 's.work', maxMessages: 1 })
  work(@Payload() _: unknown): Promise<void> {
    return new Promise(() => {});
  }

  @JsConsumer({ stream: 'S', durable: 'idle', filterSubjects: 's.idle' })
  idle(): void {}
}

describe.each(['2.15', '2.10', '2.9'])('health checks on nats-server %s', (version) => {
  let server: NatsTestServer;
  let application: HealthApplication;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    application = await startHealthy(server.url, {
      connection: { reconnectTimeWait: 20 },
      options: { shutdownTimeout: 200 },
      feature: {
        streams: [{ name: 'S', subjects: ['s.*'], storage: 'memory' }],
        keyValues: [{ bucket: 'settings', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
      providers: [Work],
    });
  });
  afterAll(async () => {
    await application.app.close();
    await server.stop();
  });

  it('are up', async () => {
    const { health } = application;
    const { status, connections } = await health.connection();
    expect(status).toBe('up');
    expect(connections).toMatchObject([{ connection: 'default', state: 'connected' }]);
    expect(connections[0]?.rtt).toBeGreaterThan(0);
    expect(await health.handlers()).toMatchObject({
      status: 'up',
      handlers: [
        { handler: 'Work.work', pending: 0, ackPending: 0 },
        { handler: 'Work.idle', pending: 0, ackPending: 0 },
      ],
    });
    expect(
      await health.resources({
        streams: ['S'],
        buckets: ['settings'],
        objectStores: ['files'],
        usedStorage: 0.9,
      }),
    ).toMatchObject({ status: 'up' });
    expect(health.liveness().status).toBe('up');
  });

  it('find a handler that hangs and lags', async () => {
    const { health, app } = application;
    for (let id = 0; id < 4; id++) await app.get(JetStreamService).publish('s.work', id);
    const hanging = await eventually(
      () => health.handlers({ stalledAfter: 100 }),
      ({ status }) => status === 'down',
    );
    expect(hanging.handlers.map(({ status }) => status)).toEqual(['down', 'up']);
    expect(health.liveness({ stalledAfter: 100 }).stalled).toEqual(['Work.work']);
    const lagging = await eventually(
      () => health.handlers({ maxPending: 2 }),
      ({ status }) => status === 'down',
    );
    expect(lagging.message).toBe('Work.work: 3 messages are pending, more than 2 (maxPending).');
  });

  it('find missing resources', async () => {
    const report = await application.health.resources({ streams: ['S', 'T'], buckets: ['none'] });
    expect(report.status).toBe('down');
    expect(report.resources.map(({ kind, name, status }) => [kind, name, status])).toEqual([
      ['stream', 'S', 'up'],
      ['stream', 'T', 'down'],
      ['bucket', 'none', 'down'],
    ]);
  });
});
