import { Injectable, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { metrics } from '@opentelemetry/api';
import {
  Handlers,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamOtelModule, jetStreamOtelMetrics } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Measured, type Point } from './measured.js';

class CardDeclined extends Error {}

let waiting: (() => void)[] = [];

@Injectable()
class Billing {
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    filterSubjects: 'orders.*',
    concurrency: 2,
    maxAckPending: 1_000,
    retry: { maxDeliver: 2, backoff: [10] },
    deadLetter: true,
  })
  async onOrder(@Payload() what: string, @Ctx() { metadata }: JetStreamContext): Promise<void> {
    if (what === 'refuse') throw new TerminateMessage(`no order ${metadata.streamSequence}`);
    if (what === 'fail' || (what === 'once' && metadata.deliveryCount === 1)) throw new CardDeclined();
  }
}

@Injectable()
class Reports {
  // Two batches are in flight, and the next two are buffered.
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'reports',
    concurrency: 2,
    batch: { size: 1 },
    retry: { maxDeliver: 100 },
  })
  onOrder(): Promise<void> {
    return new Promise((resolve) => waiting.push(resolve));
  }
}

const feature = { streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] };

describe('metrics', () => {
  let server: NatsTestServer;
  let measured: Measured;

  beforeEach(async () => {
    waiting = [];
    measured = new Measured();
    server = await NatsTestServer.start();
  });
  afterEach(async () => {
    metrics.disable();
    await measured.meterProvider.shutdown();
    await server.stop();
  });

  function start(provider: Type = Billing): Promise<TestApplication> {
    return startApplication(server.url, {
      connection: { reconnectTimeWait: 50, maxReconnectAttempts: -1 },
      imports: [
        JetStreamOtelModule.forRoot({ tracing: false, metrics: { meterProvider: measured.meterProvider } }),
      ],
      feature,
      providers: [provider],
    });
  }

  const totals = (points: readonly Point[], attribute: string) =>
    Object.fromEntries(points.map(({ attributes, value }) => [String(attributes[attribute]), value]));

  it('counts deliveries by outcome: together as many as the consumer has delivered', async () => {
    await using application = await start();
    const jetstream = application.app.get(JetStreamService);
    for (const what of ['x', 'x', 'once', 'fail', 'refuse'])
      await jetstream.publish('orders.1', JSON.stringify(what));
    const deliveries = await eventually(
      () => measured.points('nats.jetstream.deliveries'),
      (points) => points.reduce((sum, { value }) => sum + value, 0) === 7,
    );
    expect(totals(deliveries, 'messaging.nats.message.outcome')).toEqual({
      acked: 3,
      retried: 2,
      'dead-lettered': 2,
    });
    const { delivered } = (await jetstream.consumer('ORDERS', 'billing')).cachedInfo;
    expect(delivered.consumerSequence).toBe(7);
    expect(deliveries[0].attributes).toMatchObject({
      'messaging.system': 'nats',
      'messaging.consumer.group.name': 'billing',
      'messaging.destination.template': 'orders.*',
      'messaging.nats.handler': 'Billing.onOrder',
    });
  });

  it('measures processing, publishing and the delay of first deliveries', async () => {
    await using application = await start();
    const jetstream = application.app.get(JetStreamService);
    for (const what of ['x', 'once', 'fail']) await jetstream.publish('orders.1', JSON.stringify(what));
    await jetstream.publishBatch([{ subject: 'orders.1', data: '"x"' }]).catch(() => undefined);
    await jetstream.publish('orders.1', '"x"', { expect: { lastSequence: 99 } }).catch(() => undefined);
    const processed = await eventually(
      () => measured.points('messaging.process.duration'),
      (points) => points.reduce((sum, { value }) => sum + value, 0) === 5,
    );
    expect(totals(processed, 'error.type')).toEqual({ undefined: 2, CardDeclined: 3 });
    expect(processed.every(({ sum = -1 }) => sum > 0 && sum < 30)).toBe(true);
    const [consumed] = await measured.points('messaging.client.consumed.messages');
    expect(consumed.value).toBe(5);
    const [delay] = await measured.points('nats.jetstream.delivery.delay');
    expect(delay.value).toBe(3);
    const sent = await measured.points('messaging.client.sent.messages');
    expect(
      sent.map(({ attributes, value }) => [
        attributes['messaging.destination.template'],
        attributes['error.type'],
        value,
      ]),
    ).toEqual([
      ['orders.*', undefined, 3],
      [undefined, expect.any(String), 1],
      ['orders.*', 'WrongLastSequenceError', 1],
    ]);
    const operations = await measured.points('messaging.client.operation.duration');
    expect(new Set(operations.map(({ attributes }) => attributes['messaging.operation.name']))).toEqual(
      new Set(['publish', 'dead-letter']),
    );
  });

  it('counts dead letters by reasons of a closed set', async () => {
    await using application = await start();
    const jetstream = application.app.get(JetStreamService);
    for (const what of ['fail', 'refuse', 'refuse'])
      await jetstream.publish('orders.1', JSON.stringify(what));
    const letters = await eventually(
      () => measured.points('nats.jetstream.dead_letters'),
      (points) => points.reduce((sum, { value }) => sum + value, 0) === 3,
    );
    expect(totals(letters, 'messaging.nats.message.reason')).toEqual({
      'deliveries used up': 1,
      requested: 2,
    });
  });

  it('shows what handlers and connections do now', async () => {
    await using application = await start(Reports);
    const jetstream = application.app.get(JetStreamService);
    for (let i = 0; i < 5; i++) await jetstream.publish('orders.1', '"x"');
    await eventually(
      async () => (await measured.points('nats.jetstream.handler.buffered'))[0]?.value,
      (buffered) => buffered === 2,
    );
    const [active] = await measured.points('nats.jetstream.handler.active');
    expect(active.value).toBe(2);
    expect(active.attributes).toEqual({
      'messaging.system': 'nats',
      'messaging.nats.handler': 'Reports.onOrder',
      'messaging.nats.connection': 'default',
      'messaging.nats.stream.name': 'ORDERS',
      'messaging.consumer.group.name': 'reports',
    });
    const state = async () =>
      totals(await measured.points('nats.jetstream.handler.state'), 'messaging.nats.handler.state');
    expect(await state()).toEqual({ starting: 0, running: 1, recovering: 0, paused: 0, stopped: 0 });
    await eventually(
      () => waiting.splice(0).map((go) => go()).length,
      () => application.app.get(Handlers).list()[0].handled === 5,
    );
    await application.app.get(Handlers).pause('Reports.onOrder');
    expect(await state()).toEqual({ starting: 0, running: 0, recovering: 0, paused: 1, stopped: 0 });
    const [pending] = await measured.points('nats.jetstream.publish.pending');
    expect(pending).toMatchObject({ value: 0, attributes: { 'messaging.nats.connection': 'default' } });
    await server.restart();
    await eventually(
      async () => (await measured.points('nats.jetstream.connection.reconnects'))[0]?.value,
      (reconnects) => reconnects === 1,
    );
  });

  it('ends its gauges with the application', async () => {
    await using application = await start();
    const list = vi.spyOn(application.app.get(Handlers), 'list');
    expect(await measured.points('nats.jetstream.handler.state')).toHaveLength(5);
    expect(list).toHaveBeenCalledTimes(1);
    await application.app.close();
    list.mockClear();
    await measured.points();
    expect(list).not.toHaveBeenCalled();
  });

  it.each([
    ['module', { imports: [JetStreamOtelModule.forRoot({ tracing: false })] }],
    ['instrument', { options: { instruments: [jetStreamOtelMetrics()] } }],
  ])('counts with a global provider that is registered later, as a %s', async (_, how) => {
    await using application = await startApplication(server.url, { ...how, feature, providers: [Billing] });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('orders.1', '"x"');
    await application.app.get(Handlers).idle();
    metrics.setGlobalMeterProvider(measured.meterProvider);
    await jetstream.publish('orders.1', '"x"');
    const [sent] = await measured.points('messaging.client.sent.messages');
    expect(sent.value).toBe(1);
  });
});
