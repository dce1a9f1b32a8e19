import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  type JsConsumerOptions,
  JsHandler,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  ObjectStoreService,
  ObjectWatch,
  RetryMessage,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { RecordingInstrument } from '../support/recording-instrument.js';

type Handle = (payload: unknown, context: JetStreamContext) => unknown;

describe('an instrument', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  function tasks(options: JsConsumerOptions, handle: Handle): Type {
    @Injectable()
    class Tasks {
      @JsConsumer(options)
      onTask(@Payload() payload: unknown, @Ctx() context: unknown): unknown {
        return handle(payload, context as JetStreamContext);
      }
    }
    return Tasks;
  }

  async function start(
    handle: Handle,
    options: Partial<JsConsumerOptions> = {},
    module: { readonly shutdownTimeout?: number } = {},
  ): Promise<{
    readonly application: TestApplication;
    readonly instrument: RecordingInstrument;
    readonly publish: (...payloads: unknown[]) => Promise<void>;
  }> {
    const stream = `TASKS_${++serial}`;
    const instrument = new RecordingInstrument();
    const given = { stream, durable: 'worker', ...options } as JsConsumerOptions;
    const application = await startApplication(server.url, {
      options: { instruments: [instrument], ...module },
      feature: { streams: [{ name: stream, subjects: [`tasks.${serial}`], storage: 'memory' }] },
      providers: [tasks(given, handle)],
    });
    const subject = `tasks.${serial}`;
    return {
      application,
      instrument,
      publish: async (...payloads) => {
        for (const each of payloads) await application.app.get(JetStreamService).publish(subject, each);
      },
    };
  }

  const fails = (): never => {
    throw new Error('no luck');
  };

  it.each<[string, Handle, Partial<JsConsumerOptions>, object]>([
    ['acked', () => undefined, {}, { outcome: 'acked', failed: false }],
    ['acked', () => delay(1), { ackMode: 'confirmed' }, { outcome: 'acked', failed: false }],
    ['acked', (_, context) => context.ack(), { ackMode: 'manual' }, { outcome: 'acked', failed: false }],
    ['acked', () => undefined, { ackMode: 'first' }, { outcome: 'acked', failed: false }],
    ['left', () => undefined, { ackMode: 'manual' }, { outcome: 'left', failed: false }],
    ['left', () => undefined, { ackMode: 'none' }, { outcome: 'left', failed: false }],
    ['left', () => undefined, { ordered: true, durable: undefined }, { outcome: 'left', failed: false }],
    ['skipped', fails, { ackMode: 'none' }, { outcome: 'skipped', failed: true }],
    ['skipped', fails, { ackMode: 'first' }, { outcome: 'skipped', failed: true }],
    [
      'skipped',
      fails,
      { ordered: true, durable: undefined, retry: { maxDeliver: 1 } },
      { outcome: 'skipped', failed: true },
    ],
    [
      'retried',
      fails,
      { retry: { backoff: [60_000] } },
      { outcome: 'retried', failed: true, delay: expect.any(Number) as unknown },
    ],
    [
      'retried',
      () => Promise.reject(new RetryMessage(50_000)),
      {},
      { outcome: 'retried', failed: true, delay: 50_000 },
    ],
    [
      'retried',
      (_, context) => context.nak(40_000),
      {},
      { outcome: 'retried', failed: false, delay: 40_000 },
    ],
    [
      'terminated',
      () => Promise.reject(new TerminateMessage('not wanted')),
      {},
      { outcome: 'terminated', failed: true, reason: 'not wanted' },
    ],
    [
      'terminated',
      fails,
      { retry: { maxDeliver: 1 } },
      { outcome: 'terminated', failed: true, reason: 'deliveries used up' },
    ],
    [
      'dead-lettered',
      fails,
      { retry: { maxDeliver: 1 }, deadLetter: true },
      { outcome: 'dead-lettered', failed: true, reason: 'deliveries used up' },
    ],
    [
      'dead-lettered',
      fails,
      { ackMode: 'first', deadLetter: true },
      { outcome: 'dead-lettered', failed: true, reason: 'failed' },
    ],
    [
      'dead-lettered',
      fails,
      { ackMode: 'none', deadLetter: true },
      { outcome: 'dead-lettered', failed: true, reason: 'failed' },
    ],
    ['acked', () => undefined, { batch: { size: 1 } }, { outcome: 'acked', failed: false }],
    [
      'retried',
      fails,
      { batch: { size: 1 }, retry: { backoff: [60_000] } },
      { outcome: 'retried', failed: true },
    ],
    ['acked', () => undefined, { push: {} }, { outcome: 'acked', failed: false }],
  ])('receives a message that is %s', async (_outcome, handle, options, expected) => {
    const { application, instrument, publish } = await start(handle, options);
    await using _ = application;
    await publish({ id: 1 });
    await eventually(
      () => instrument.outcomes(),
      ({ length }) => length > 0,
    );
    const [recorded] = instrument.deliveries;
    expect(recorded.steps).toEqual(['started', 'run', 'ended']);
    expect(recorded.ending).toMatchObject(expected);
    expect(recorded.ending?.duration).toBeGreaterThan(0);
    expect(recorded.delivery.subject).toBe(`tasks.${serial}`);
    expect(instrument.outcomes()).toHaveLength(1);
  });

  it('receives payloads that cannot be decoded, also in a batch with valid ones', async () => {
    const handled: unknown[] = [];
    const { application, instrument } = await start((payload) => void handled.push(payload), {
      batch: { size: 3 },
      deadLetter: true,
    });
    await using _ = application;
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish(`tasks.${serial}`, 1);
    await jetstream.publish(`tasks.${serial}`, '{');
    await jetstream.publish(`tasks.${serial}`, 3);
    await eventually(
      () => instrument.outcomes(),
      ({ length }) => length === 3,
    );
    expect(handled).toEqual([[1, 3]]);
    expect(instrument.outcomes().toSorted()).toEqual(['acked', 'acked', 'dead-lettered']);
    const refused = instrument.deliveries.find(({ ending }) => ending?.failed);
    expect(refused?.steps).toEqual(['started', 'ended']);
    expect(refused?.ending).toMatchObject({ reason: 'invalid payload', error: expect.any(Error) as unknown });
  });

  it('describes each handler once, also if it is stopped and started', async () => {
    const { application, instrument, publish } = await start(() => undefined, {
      filterSubjects: `tasks.${serial + 1}`,
    });
    await using _ = application;
    const handlers = application.app.get(Handlers);
    await handlers.stop('Tasks.onTask');
    await handlers.start('Tasks.onTask');
    await publish(1);
    await eventually(
      () => instrument.outcomes(),
      ({ length }) => length === 1,
    );
    expect(instrument.handlers).toEqual([
      {
        handler: 'Tasks.onTask',
        form: 'consumer',
        connection: 'default',
        source: `TASKS_${serial}`,
        consumer: 'worker',
        patterns: [`tasks.${serial}`],
        group: 'worker',
      },
    ]);
  });

  it('receives buffered messages that are returned by a pause, and of none twice', async () => {
    const QUICK = 50;
    const SLOW = 20;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { application, instrument, publish } = await start((id) => (Number(id) < QUICK ? undefined : gate));
    await using _ = application;
    const handlers = application.app.get(Handlers);
    // A handler buffers messages once it is known to be quick.
    await publish(...Array.from({ length: QUICK + SLOW }, (_value, id) => id));
    const { waiting } = await eventually(
      () => handlers.get('Tasks.onTask'),
      (state) => state.handled === QUICK && state.running === 1 && state.waiting > 0,
    );
    await handlers.pause('Tasks.onTask');
    const released = instrument.outcomes().filter((outcome) => outcome === 'released').length;
    expect(released).toBeGreaterThanOrEqual(waiting);
    const unhandled = instrument.deliveries.filter(({ ending }) => ending?.outcome === 'released');
    expect(unhandled.every(({ steps }) => steps.join() === 'ended')).toBe(true);
    release();
    await handlers.resume('Tasks.onTask');
    await eventually(
      () => instrument.outcomes('Tasks.onTask').filter((outcome) => outcome === 'acked'),
      ({ length }) => length === QUICK + SLOW,
    );
    const consumer = await application.app.get(JetStreamService).consumer(`TASKS_${serial}`, 'worker');
    const { delivered } = await consumer.info();
    expect(instrument.outcomes()).toHaveLength(delivered.consumerSequence);
    expect(instrument.deliveries.every(({ steps }) => steps.at(-1) === 'ended')).toBe(true);
  });

  it.each<[string, Partial<JsConsumerOptions>, string]>([
    ['acknowledged', {}, 'released'],
    ['not acknowledged', { ackMode: 'none' }, 'lost'],
    ['acknowledged first', { ackMode: 'first' }, 'acked'],
    ['in batches', { batch: { size: 1 } }, 'released'],
  ])('receives the end of a hung message at shutdown: %s', async (_, options, outcome) => {
    const { application, instrument, publish } = await start(() => new Promise(() => undefined), options, {
      shutdownTimeout: 100,
    });
    await publish(1);
    await eventually(
      () => instrument.deliveries,
      ([first]) => first?.steps.length === 2,
    );
    await application.app.close();
    expect(instrument.outcomes()).toEqual([outcome]);
  });

  it('receives messages of an ordinary class by the method that handled them', async () => {
    const stream = `TASKS_${++serial}`;
    const instrument = new RecordingInstrument();
    @JsConsumer({ stream, durable: 'worker' })
    @Injectable()
    class Tasks {
      @JsHandler('routed.a')
      onA(): void {}

      @JsHandler('routed.b.*')
      onB(): void {}
    }
    await using application = await startApplication(server.url, {
      options: { instruments: [instrument] },
      feature: { streams: [{ name: stream, subjects: ['routed.>'], storage: 'memory' }] },
      providers: [Tasks],
    });
    const jetstream = application.app.get(JetStreamService);
    for (const subject of ['routed.a', 'routed.b.1', 'routed.other']) await jetstream.publish(subject, 1);
    await eventually(
      () => instrument.outcomes(),
      ({ length }) => length === 2 || length === 3,
    );
    expect(instrument.outcomes('Tasks.onA')).toEqual(['acked']);
    await eventually(
      () => instrument.outcomes('Tasks.onB'),
      ({ length }) => length === 1,
    );
    const patterns = Object.fromEntries(instrument.handlers.map((each) => [each.handler, each.patterns]));
    expect(patterns).toMatchObject({ 'Tasks.onA': ['routed.a'], 'Tasks.onB': ['routed.b.*'] });
  });

  it('receives watches and subscriptions', async () => {
    const instrument = new RecordingInstrument();
    @Injectable()
    class Listeners {
      @KvWatch('settings')
      onSetting(@Payload() value: unknown): void {
        if (value === 'bad') throw new Error('no luck');
      }

      @ObjectWatch('files')
      onFile(): void {}

      @NatsSubscribe('core.*')
      onMessage(@Payload() value: unknown): void {
        if (value === 'bad') throw new Error('no luck');
      }
    }
    await using application = await startApplication(server.url, {
      options: { instruments: [instrument] },
      feature: {
        keyValues: [{ bucket: 'settings', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
      providers: [Listeners],
    });
    const { app } = application;
    await (await app.get(KeyValueService).open('settings')).put('color', 'red');
    await (await app.get(ObjectStoreService).open('files')).putString('a.txt', 'content');
    const { nc } = app.get(JetStreamService).connection;
    nc.publish('core.1', '"good"');
    nc.publish('core.2', '"bad"');
    await eventually(
      () => instrument.outcomes(),
      ({ length }) => length === 4,
    );
    expect(
      instrument.deliveries.map(({ handler, delivery, ending }) => [
        handler,
        delivery.subject,
        ending?.outcome,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['Listeners.onSetting', 'color', 'left'],
        ['Listeners.onFile', 'a.txt', 'left'],
        ['Listeners.onMessage', 'core.1', 'left'],
        ['Listeners.onMessage', 'core.2', 'skipped'],
      ]),
    );
    expect(instrument.handlers.map(({ form }) => form).toSorted()).toEqual([
      'kv-watch',
      'object-watch',
      'subscription',
    ]);
  });
});
