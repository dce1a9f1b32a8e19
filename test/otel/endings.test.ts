import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { SpanStatusCode } from '@opentelemetry/api';
import {
  getKeyValueToken,
  Handlers as HandlerControl,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  type KeyValue,
  KvWatch,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { JetStreamOtelModule, jetStreamTracing } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Traced } from './traced.js';

const traced = new Traced();
/** How often a message is delivered that fails again and again. */
const DELIVERIES = 50;
/** The handlers that wait until a test lets them go on. */
let waiting: (() => void)[] = [];
let begun: string[] = [];
let hang = false;

async function work(name: string): Promise<void> {
  begun.push(name);
  if (hang) await new Promise<void>((resolve) => waiting.push(resolve));
}

@Injectable()
class Work {
  @JsConsumer({
    stream: 'WORK',
    durable: 'one',
    concurrency: 16,
    ackWait: 2_000,
    retry: { maxDeliver: 60, backoff: [1] },
  })
  async one(@Payload() data: unknown, @Ctx() context: JetStreamContext): Promise<void> {
    await work('one');
    if (data === 'again' && context.metadata.deliveryCount < DELIVERIES) throw new Error('again');
  }

  @JsConsumer({ stream: 'WORK', durable: 'batch', batch: { size: 2, maxWait: 500 } })
  async batch(@Payload() _: unknown[]): Promise<void> {
    await work('batch');
  }

  @NatsSubscribe('core', { concurrency: 2 })
  async core(@Payload() _: unknown): Promise<void> {
    await work('core');
  }

  @KvWatch('settings')
  async setting(): Promise<void> {
    await work('setting');
  }
}

describe.each(['the module', 'an instrument of forRoot'])('every span ends, with %s', (how) => {
  let server: NatsTestServer;
  let application: TestApplication;
  let jetstream: JetStreamService;

  beforeAll(() => traced.register());
  beforeEach(async () => {
    traced.reset();
    waiting = [];
    begun = [];
    hang = false;
    server = await NatsTestServer.start();
    const isModule = how === 'the module';
    application = await startApplication(server.url, {
      connection: { reconnectTimeWait: 50, maxReconnectAttempts: -1 },
      options: { shutdownTimeout: 300, ...(!isModule && { instruments: [jetStreamTracing()] }) },
      imports: isModule ? [JetStreamOtelModule.forRoot({ metrics: false })] : [],
      feature: {
        streams: [{ name: 'WORK', subjects: ['work.*'] }],
        keyValues: [{ bucket: 'settings' }],
      },
      providers: [Work],
    });
    jetstream = application.app.get(JetStreamService);
  });
  afterEach(async () => {
    for (const go of waiting) go();
    await application.app.close();
    await server.stop();
  });

  async function everyForm(): Promise<void> {
    await jetstream.publish('work.1', '"x"');
    await jetstream.publish('work.2', '"x"');
    await application.app.get<KeyValue>(getKeyValueToken('settings')).put('color', 'red');
    // Over the connection that has just stored messages: another one may not have reconnected yet.
    jetstream.connection.nc.publish('core', '"x"');
    await eventually(
      () => [...new Set(begun)],
      ({ length }) => length === 4,
      25_000,
    );
  }

  const allEnded = () =>
    eventually(
      () => ({ started: traced.counts.started, ended: traced.counts.ended }),
      ({ started, ended }) => started === ended,
    );

  it('after handlers that succeed', async () => {
    await everyForm();
    const { started } = await allEnded();
    // Two publishes, two messages, the batch, the entry and the core message.
    expect(started).toBe(7);
  });

  it('after 10,000 deliveries, each in a span of its own', { timeout: 150_000 }, async () => {
    const messages = 200;
    const publishing = Array.from({ length: messages }, (_, i) => jetstream.publish(`work.${i}`, '"again"'));
    await Promise.all(publishing);
    const consumer = await jetstream.consumer('WORK', 'one');
    // About ten seconds, and much longer on a busy machine.
    const { delivered } = await eventually(
      () => consumer.info(),
      ({ ackFloor }) => ackFloor.streamSequence === messages,
      120_000,
    );
    await allEnded();
    const deliveries = traced.spans
      .filter(({ attributes }) => attributes['messaging.nats.handler'] === 'Work.one')
      .map(({ attributes }) => Number(attributes['messaging.nats.message.delivery_count']));
    expect(deliveries.filter((count) => count >= DELIVERIES)).toHaveLength(messages);
    expect(deliveries).toHaveLength(delivered.consumerSequence);
    expect(deliveries.length).toBeGreaterThanOrEqual(messages * DELIVERIES);
  });

  it('after the link was restored while handlers and publishes were in progress', async () => {
    hang = true;
    await everyForm();
    const publishing = jetstream.publish('work.3', '"x"').catch(() => undefined);
    const { status } = jetstream;
    await jetstream.connection.nc.reconnect();
    hang = false;
    for (const go of waiting.splice(0)) go();
    await publishing;
    await eventually(
      () => jetstream.status,
      ({ state, reconnects }) => state === 'connected' && reconnects > status.reconnects,
    );
    begun = [];
    await everyForm();
    const { started } = await allEnded();
    expect(started).toBeGreaterThanOrEqual(14);
  });

  it('after a shutdown with handlers that hang', async () => {
    hang = true;
    await everyForm();
    await application.app.close();
    expect(traced.counts.ended).toBe(traced.counts.started);
    const abandoned = traced
      .named('process')
      .filter(({ events }) => events.some(({ name }) => name === 'released' || name === 'lost'));
    expect(abandoned.length).toBe(traced.named('process').length);
    // Handlers that end later change nothing.
    for (const go of waiting.splice(0)) go();
    await new Promise((resolve) => setImmediate(resolve));
    expect(traced.counts.ended).toBe(traced.counts.started);
  });

  it('after a pause and a stop', async () => {
    hang = true;
    await everyForm();
    const control = application.app.get(HandlerControl);
    await Promise.all(['one', 'batch', 'core', 'setting'].map((name) => control.pause(`Work.${name}`)));
    for (const go of waiting.splice(0)) go();
    await control.idle();
    hang = false;
    await Promise.all(['one', 'batch', 'core', 'setting'].map((name) => control.resume(`Work.${name}`)));
    begun = [];
    await everyForm();
    await Promise.all(['one', 'batch', 'core', 'setting'].map((name) => control.stop(`Work.${name}`)));
    const { started } = await allEnded();
    expect(started).toBeGreaterThanOrEqual(14);
  });

  it(
    'after the server was killed while handlers and publishes were in progress',
    { timeout: 60_000 },
    async () => {
      hang = true;
      await everyForm();
      await server.kill();
      const failing = [
        jetstream.publish('work.3', '"x"', { timeout: 200, retry: { attempts: 0 } }).catch(() => undefined),
        jetstream.publishAsync('work.4', '"x"', { timeout: 200 }).ack.catch(() => undefined),
      ];
      hang = false;
      for (const go of waiting.splice(0)) go();
      await Promise.all(failing);
      await server.restart();
      begun = [];
      await everyForm();
      await allEnded();
      const failed = traced.named('publish').filter(({ status }) => status.code === SpanStatusCode.ERROR);
      expect(failed).toHaveLength(2);
    },
  );

  it('after a shutdown while the server hangs', async () => {
    hang = true;
    await everyForm();
    const publishing = jetstream.publish('work.3', '"x"', { timeout: 200 }).catch(() => undefined);
    server.pause();
    await application.app.close();
    await publishing;
    server.resume();
    const { started } = await allEnded();
    expect(started).toBeGreaterThanOrEqual(8);
  });
});
