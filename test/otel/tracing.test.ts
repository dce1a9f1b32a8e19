import { Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { context, propagation, SpanStatusCode } from '@opentelemetry/api';
import {
  getJetStreamToken,
  getKeyValueToken,
  getObjectStoreToken,
  InvalidArgumentError,
  JetStreamInstruments,
  JetStreamService,
  JsConsumer,
  type KeyValue,
  KvWatch,
  NatsSubscribe,
  type ObjectStore,
  ObjectWatch,
} from 'nestjs-nats-jetstream';
import {
  JetStreamOtelModule,
  jetStreamOtelMetrics,
  type JetStreamOtelOptions,
  jetStreamTracing,
  type JetStreamTracingOptions,
} from 'nestjs-nats-jetstream/otel';
import { connect, headers, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Traced } from './traced.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const PARENT = `00-${TRACE}-${SPAN}-01`;

const traced = new Traced();
const received: { subject: string; baggage: string | undefined; headers?: string[] }[] = [];

class Expected extends Error {}

function record(subject: string): void {
  const baggage = propagation.getBaggage(context.active())?.getEntry('tenant')?.value;
  received.push({ subject, baggage });
}

@Injectable()
class Handlers {
  @JsConsumer({ stream: 'EVENTS', durable: 'plain', filterSubjects: ['events.*.a', 'events.*.b'] })
  onEvent(@Payload() text: string): void {
    record('event');
    if (text === 'fail') throw new Error('not today');
    if (text === 'expected') throw new Expected('as usual');
  }

  @JsConsumer({
    stream: 'BATCHES',
    durable: 'batch',
    filterSubjects: 'batches.*',
    batch: { size: 3, maxWait: 200 },
  })
  onBatch(@Payload() _: unknown[]): Promise<void> {
    record('batch');
    return traced.inSpan('INSERT', () => Promise.resolve());
  }

  @KvWatch('settings', { keys: 'app.>' })
  onSetting(): void {
    record('setting');
  }

  @ObjectWatch('files')
  onFile(): void {
    record('file');
  }

  @NatsSubscribe('core.*')
  onCore(@Payload() _: unknown): void {
    record('core');
  }
}

const fails = (): never => {
  throw new Error('broken SDK');
};

describe('tracing', () => {
  let server: NatsTestServer;
  let nc: NatsConnection;

  beforeAll(async () => {
    traced.register();
    server = await NatsTestServer.start();
    nc = await connect({ servers: server.url });
  });
  afterAll(async () => {
    await nc.close();
    await server.stop();
  });
  beforeEach(() => {
    traced.reset();
    received.length = 0;
  });

  let streams = 0;

  async function start(
    tracing: JetStreamTracingOptions = {},
  ): Promise<TestApplication & { jetstream: JetStreamService }> {
    await clear();
    const application = await startApplication(server.url, {
      imports: [JetStreamOtelModule.forRoot({ tracing, metrics: false })],
      feature: {
        streams: [
          { name: 'EVENTS', subjects: ['events.*.*'], storage: 'memory', allowMessageSchedules: true },
          { name: 'BATCHES', subjects: ['batches.*'], storage: 'memory', allowAtomicPublish: true },
        ],
        keyValues: [{ bucket: 'settings', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
      providers: [Handlers],
    });
    streams++;
    return Object.assign(application, {
      jetstream: application.app.get<JetStreamService>(getJetStreamToken()),
    });
  }

  /** Each test begins without streams. */
  async function clear(): Promise<void> {
    if (streams === 0) return;
    const names = ['EVENTS', 'BATCHES', 'KV_settings', 'OBJ_files'];
    for (const name of names) await nc.request(`$JS.API.STREAM.DELETE.${name}`, new Uint8Array(0));
  }

  it('continues the trace of a publisher that writes its headers in another case', async () => {
    await using _ = await start();
    const sent = headers();
    sent.set('Traceparent', PARENT);
    sent.set('TraceState', 'vendor=1');
    sent.set('BAGGAGE', 'tenant=acme');
    nc.publish('events.1.a', '"x"', { headers: sent });
    const [span] = await traced.ended('process');
    expect(span.name).toBe('process events.*.a');
    expect(span.spanContext().traceId).toBe(TRACE);
    expect(span.parentSpanContext?.spanId).toBe(SPAN);
    expect(span.links.map(({ context: { spanId } }) => spanId)).toEqual([SPAN]);
    expect(span.spanContext().traceState?.serialize()).toBe('vendor=1');
    expect(received).toEqual([{ subject: 'event', baggage: 'acme' }]);
  });

  it('prefers the exact name of a header', async () => {
    await using _ = await start();
    const sent = headers();
    sent.set('Traceparent', '00-11111111111111111111111111111111-2222222222222222-01');
    sent.set('traceparent', PARENT);
    nc.publish('events.1.a', '"x"', { headers: sent });
    const [span] = await traced.ended('process');
    expect(span.spanContext().traceId).toBe(TRACE);
  });

  it('starts a trace for a message without one, regardless of the context in which the application was started', async () => {
    await using _ = await traced.inSpan('boot', () => start());
    nc.publish('events.1.a', '"x"');
    nc.publish('core.1', '"x"');
    await traced.ended('process', 2);
    for (const span of traced.named('process')) {
      expect(span.parentSpanContext, span.name).toBeUndefined();
      expect(span.links).toEqual([]);
    }
  });

  it.each(['not a traceparent', `00-${'0'.repeat(32)}-${SPAN}-01`, ''])(
    'ignores the invalid traceparent "%s"',
    async (value) => {
      await using _ = await start();
      const sent = headers();
      sent.set('traceparent', value);
      nc.publish('events.1.a', '"x"', { headers: sent });
      const [span] = await traced.ended('process');
      expect(span.parentSpanContext).toBeUndefined();
    },
  );

  it('names spans by the pattern that matches', async () => {
    await using _ = await start();
    for (const subject of ['events.1.a', 'events.1.b']) nc.publish(subject, '"x"');
    const spans = await traced.ended('process', 2);
    expect(spans.map(({ name }) => name).toSorted()).toEqual(['process events.*.a', 'process events.*.b']);
  });

  it('starts a trace of its own with a link, with correlation: link', async () => {
    await using application = await start({ correlation: 'link' });
    await traced.inSpan('caller', () => application.jetstream.publish('events.1.a', '"x"'));
    const [span] = await traced.ended('process');
    const [publish] = traced.named('publish');
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.spanContext().traceId).not.toBe(publish.spanContext().traceId);
    expect(span.links.map(({ context: { spanId } }) => spanId)).toEqual([publish.spanContext().spanId]);
  });

  it('keeps the traceparent of the caller, and adds nothing to it', async () => {
    await using application = await start();
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      application.jetstream.publish('events.1.a', '"x"', { headers: { Traceparent: PARENT } }),
    );
    const [span] = await traced.ended('process');
    expect(span.parentSpanContext?.spanId).toBe(SPAN);
    const stored = await (await application.jetstream.stream('EVENTS')).getMessage(1);
    expect(stored.headers?.keys()).toEqual(['Traceparent']);
  });

  it('passes baggage on to handlers', async () => {
    await using application = await start();
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      application.jetstream.publish('events.1.a', '"x"'),
    );
    await traced.ended('process');
    expect(received).toEqual([{ subject: 'event', baggage: 'acme' }]);
  });

  it.each([
    ['a subject', 'events.*.a'],
    ['a list of subjects', ['nothing.>', 'events.1.*']],
    ['a function', ({ target }: { target: string }) => target === 'events.1.a'],
  ])('creates no span for what %s ignores, and the trace continues', async (_, ignore) => {
    await using application = await start({ ignore });
    await traced.inSpan('caller', () => application.jetstream.publish('events.1.a', '"x"'));
    await eventually(
      () => received.length,
      (n) => n === 1,
    );
    await traced.inSpan('caller', () => application.jetstream.publish('events.2.b', '"x"'));
    await traced.ended('process');
    expect(traced.trees).toEqual([
      { span: 'caller', kind: 'INTERNAL' },
      {
        span: 'caller',
        kind: 'INTERNAL',
        children: [
          {
            span: 'publish events.*.*',
            kind: 'PRODUCER',
            children: [{ span: 'process events.*.b', kind: 'CONSUMER', delivery: 1 }],
          },
        ],
      },
    ]);
    const stored = await (await application.jetstream.stream('EVENTS')).getMessage(1);
    const [caller] = traced.named('caller');
    expect(stored.headers?.get('traceparent')).toContain(caller.spanContext().spanId);
  });

  it('does not mark expected errors as errors', async () => {
    await using application = await start({ expected: (error) => error instanceof Expected });
    await application.jetstream.publish('events.1.a', '"expected"');
    await application.jetstream.publish('events.1.b', '"fail"');
    await traced.ended('process', 2);
    const [expected] = traced.named('process events.*.a');
    const [failed] = traced.named('process events.*.b');
    expect(expected.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(expected.attributes['error.type']).toBeUndefined();
    expect(expected.events.map(({ name }) => name)).toEqual(['exception', 'retried']);
    expect(failed.status).toEqual({ code: SpanStatusCode.ERROR, message: 'not today' });
    expect(failed.attributes['error.type']).toBe('Error');
  });

  it('logs that ignore and expected must not be asynchronous, and takes their answer for no', async () => {
    const later = (): never => Promise.reject(new Error('too late')) as never;
    await using application = await start({ ignore: later, expected: later });
    await application.jetstream.publish('events.1.a', '"fail"');
    const [span] = await traced.ended('process');
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(traced.named('publish')).toHaveLength(1);
    const lines = await eventually(
      () => application.logs.of('error', 'JetStreamTracing').toSorted(),
      ({ length }) => length === 4,
    );
    expect(lines).toEqual([
      'The option expected failed: too late',
      'The option ignore failed: too late',
      expect.stringMatching(/"The option expected" .* must not be asynchronous/),
      expect.stringMatching(/"The option ignore" .* must not be asynchronous/),
    ]);
  });

  it('captures the headers that match a pattern', async () => {
    await using _ = await start({ captureHeaders: ['x-*', 'Tenant'] });
    const sent = headers();
    for (const name of ['X-Request', 'x-user.id', 'TENANT', 'Authorization', 'not-x-this'])
      sent.set(name, name);
    nc.publish('events.1.a', '"x"', { headers: sent });
    const [span] = await traced.ended('process');
    const captured = Object.entries(span.attributes).filter(([name]) => name.startsWith('messaging.header.'));
    expect(Object.fromEntries(captured)).toEqual({
      'messaging.header.x-request': 'X-Request',
      'messaging.header.x-user.id': 'x-user.id',
      'messaging.header.tenant': 'TENANT',
    });
  });

  it('calls the hooks, whose errors are logged and change nothing', async () => {
    const hooks: string[] = [];
    await using application = await start({
      onPublish: (span, call, operation) => {
        span.setAttribute('own', call.target);
        hooks.push(`${operation.kind} ${call.target}`);
      },
      onProcess: (_span, deliveries, handler) => {
        hooks.push(`${handler.handler} ${deliveries.map(({ subject }) => subject).join()}`);
        throw new Error('the hook is broken');
      },
      expected: () => {
        throw new Error('the option is broken');
      },
    });
    await application.jetstream.publish('events.1.a', '"fail"');
    const [span] = await traced.ended('process');
    expect(hooks).toEqual(['publish events.1.a', 'Handlers.onEvent events.1.a']);
    expect(traced.named('publish')[0].attributes).toMatchObject({ own: 'events.1.a' });
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(application.logs.of('error', 'JetStreamTracing')).toEqual([
      'The option onProcess failed: the hook is broken',
      'The option expected failed: the option is broken',
    ]);
  });

  it('traces a batch as one span with a link to each message', async () => {
    await using application = await start();
    await traced.inSpan('caller', async () => {
      for (const id of [1, 2, 3]) await application.jetstream.publish(`batches.${id}`, id);
    });
    const [batch] = await traced.ended('process');
    const publishes = traced.named('publish batches.*').map((span) => span.spanContext().spanId);
    expect(publishes).toHaveLength(3);
    expect(batch.name).toBe('process batches.*');
    expect(batch.links.map(({ context: { spanId } }) => spanId)).toEqual(publishes);
    expect(batch.attributes).toMatchObject({ 'messaging.batch.message_count': 3 });
    expect(traced.trees.find(({ span }) => span === 'process batches.*')).toEqual({
      span: 'process batches.*',
      kind: 'CONSUMER',
      children: [{ span: 'INSERT', kind: 'INTERNAL' }],
    });
  });

  it('traces a message of a batch that cannot be decoded alone', async () => {
    await using _ = await start();
    for (const text of ['1', 'not JSON', '3']) nc.publish('batches.1', text);
    const spans = await traced.ended('process', 2);
    const failed = spans.filter(({ status }) => status.code === SpanStatusCode.ERROR);
    expect(failed.map(({ attributes }) => attributes['messaging.nats.message.stream_sequence'])).toEqual([2]);
    expect(failed[0].attributes['error.type']).toBe('InvalidPayloadError');
    const batches = spans.filter(({ status }) => status.code !== SpanStatusCode.ERROR);
    expect(batches.map(({ attributes }) => attributes['messaging.batch.message_count'])).toEqual([2]);
  });

  it('traces an atomic batch and a bulk load as one publish', async () => {
    await using application = await start();
    await application.jetstream.publishBatch([
      { subject: 'batches.1', data: 1 },
      { subject: 'batches.2', data: 2 },
    ]);
    const [processed] = await traced.ended('process');
    const [publish] = traced.named('publish');
    expect(publish.name).toBe('publish');
    expect(publish.attributes).toMatchObject({ 'messaging.batch.message_count': 2 });
    expect(processed.links.map(({ context: { spanId } }) => spanId)).toEqual([
      publish.spanContext().spanId,
      publish.spanContext().spanId,
    ]);
  });

  it('keeps batches that are published at the same time apart', async () => {
    await using application = await start();
    const batch = (id: number) => [
      { subject: 'batches.1', data: id },
      { subject: 'batches.1', data: id },
    ];
    await Promise.all([1, 2, 3].map((id) => application.jetstream.publishBatch(batch(id))));
    expect(traced.named('publish')).toHaveLength(3);
    expect(
      traced.named('publish').map(({ attributes }) => attributes['messaging.batch.message_count']),
    ).toEqual([2, 2, 2]);
  });

  it('traces failed publishes', async () => {
    await using application = await start();
    await expect(
      application.jetstream.publish('events.1.a', '"x"', { expect: { lastSequence: 7 } }),
    ).rejects.toThrow();
    const [span] = traced.named('publish');
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes['error.type']).toBe('WrongLastSequenceError');
  });

  it('traces watches and subscriptions', async () => {
    await using application = await start();
    await application.app.get<KeyValue>(getKeyValueToken('settings')).put('app.color', 'red');
    await application.app.get<ObjectStore>(getObjectStoreToken('files')).putString('letter', 'hello');
    await traced.inSpan('caller', () => Promise.resolve(nc.publish('core.1', '"x"')));
    const spans = await traced.ended('process', 3);
    expect(spans.map(({ name }) => name).toSorted()).toEqual(['process', 'process app.>', 'process core.*']);
    const [setting] = traced.named('process app.>');
    expect(setting.attributes).toMatchObject({
      'messaging.nats.bucket.name': 'settings',
      'messaging.nats.key': 'app.color',
    });
    const [core] = traced.named('process core.*');
    expect(core.attributes).toMatchObject({ 'messaging.destination.name': 'core.1' });
  });

  it('traces objects, and the keys of buckets only if it is asked to', async () => {
    for (const keyValue of [false, true]) {
      await using application = await start({ keyValue });
      traced.reset();
      const settings = application.app.get<KeyValue>(getKeyValueToken('settings'));
      const files = application.app.get<ObjectStore>(getObjectStoreToken('files'));
      await traced.inSpan('caller', async () => {
        await settings.put('app.color', 'red');
        await settings.get('app.color');
        await files.putString('letter', 'hello');
        expect(await files.getString('letter')).toBe('hello');
        await files.delete('letter');
      });
      const caller = traced.trees.find(({ span }) => span === 'caller');
      const keys = keyValue ? ['put settings', 'get settings'] : [];
      expect(caller?.children?.map(({ span }) => span)).toEqual([
        ...keys,
        'put files',
        'get files',
        'delete files',
      ]);
      expect(traced.named('put files')[0].attributes).toMatchObject({
        'messaging.nats.object.name': 'letter',
        'messaging.message.body.size': 5,
      });
    }
  });

  it('traces the settlement only if it is asked to', async () => {
    await using application = await start({ settle: true });
    await application.jetstream.publish('events.1.a', '"x"');
    await traced.ended('process');
    const [settled] = traced.named('ack events.*.a');
    expect(settled.parentSpanContext?.spanId).toBe(traced.named('process')[0].spanContext().spanId);
    expect(settled.attributes).toMatchObject({ 'messaging.operation.type': 'settle' });
  });

  it('names schedules, whose messages continue the trace unless they repeat', async () => {
    await using application = await start();
    const { jetstream } = application;
    const once = { at: new Date(Date.now() + 1_000), target: 'events.1.a' };
    await jetstream.publish('events.s.once', '"x"', { schedule: once });
    await jetstream.publish('events.s.often', '"x"', { schedule: { every: 1_000, target: 'events.1.b' } });
    const [single] = await traced.ended('process events.*.a');
    const [repeated] = await traced.ended('process events.*.b');
    const schedules = traced.named('schedule').map((span) => [span.name, span.spanContext().spanId]);
    expect(schedules).toEqual([
      ['schedule events.*.*', single.parentSpanContext?.spanId],
      ['schedule events.*.*', repeated.links[0].context.spanId],
    ]);
    expect(repeated.parentSpanContext).toBeUndefined();
  });

  it('is also an instrument without a module', async () => {
    await clear();
    await using application = await startApplication(server.url, {
      options: { instruments: [jetStreamTracing()] },
      feature: { streams: [{ name: 'EVENTS', subjects: ['events.*.*'], storage: 'memory' }] },
    });
    await application.app.get(JetStreamService).publish('events.1.a', 'x');
    expect(traced.named('publish').map(({ name }) => name)).toEqual(['publish events.*.*']);
  });

  it.each<[string, Parameters<typeof startApplication>[1], number, RegExp]>([
    [
      'the module twice',
      { imports: [JetStreamOtelModule.forRoot({}), JetStreamOtelModule.forRoot({ tracing: {} })] },
      1,
      /^JetStreamOtelModule is imported twice: .* Import it once\.$/,
    ],
    [
      'jetStreamTracing() beside it',
      { imports: [JetStreamOtelModule.forRoot()], options: { instruments: [jetStreamTracing()] } },
      2,
      /^jetStreamTracing\(\) is an instrument .* all spans are doubled/,
    ],
    [
      'jetStreamOtelMetrics() beside it',
      { imports: [JetStreamOtelModule.forRoot()], options: { instruments: [jetStreamOtelMetrics()] } },
      1,
      /^jetStreamOtelMetrics\(\) is an instrument .* all counts are doubled/,
    ],
    [
      'jetStreamTracing() beside the metrics of the module',
      {
        imports: [JetStreamOtelModule.forRoot({ tracing: false })],
        options: { instruments: [jetStreamTracing()] },
      },
      1,
      /^$/,
    ],
  ])('warns of doubled spans and counts: %s', async (_, settings, spans, warning) => {
    await clear();
    await using application = await startApplication(server.url, {
      ...settings,
      feature: { streams: [{ name: 'EVENTS', subjects: ['events.*.*'], storage: 'memory' }] },
    });
    await application.app.get(JetStreamService).publish('events.1.a', 'x');
    expect(traced.named('publish')).toHaveLength(spans);
    const warnings = application.logs.of('warn', 'JetStreamOtel');
    expect(warnings).toHaveLength(warning.source === '^$' ? 0 : 1);
    expect(warnings.join()).toMatch(warning);
  });

  it('has ended all spans when a global module shuts the SDK down', async () => {
    await clear();
    const seen: { readonly started: number; readonly ended: number }[] = [];
    @Global()
    @Module({})
    class TelemetryModule implements OnApplicationShutdown {
      onApplicationShutdown(): void {
        const { started, ended } = traced.counts;
        seen.push({ started, ended });
      }
    }
    let begun = (): void => undefined;
    const running = new Promise<void>((resolve) => (begun = resolve));
    let end = (): void => undefined;
    const ending = new Promise<void>((resolve) => (end = resolve));
    @Injectable()
    class Slow {
      @JsConsumer({ stream: 'EVENTS', durable: 'slow' })
      onEvent(): Promise<void> {
        begun();
        return ending;
      }
    }
    const application = await startApplication(server.url, {
      imports: [JetStreamOtelModule.forRoot({ metrics: false }), TelemetryModule],
      options: { shutdownTimeout: 200 },
      feature: { streams: [{ name: 'EVENTS', subjects: ['events.*.*'], storage: 'memory' }] },
      providers: [Slow],
    });
    await application.app.get(JetStreamService).publish('events.1.a', '"x"');
    await running;
    // A caller that never ends: its span is only ended by the module.
    const instruments = application.app.get(JetStreamInstruments);
    const [tracing] = instruments.list();
    tracing
      .operation?.({ kind: 'object-get', connection: 'default', source: 'files' })
      ?.started?.({ target: 'a' });
    expect(traced.counts.started).toBe(traced.counts.ended + 2);
    await application.app.close();
    end();
    expect(seen).toEqual([{ started: traced.counts.started, ended: traced.counts.started }]);
  });

  it.each<[string, JetStreamOtelOptions]>([
    ['tracerProvider', { tracing: { tracerProvider: { getTracer: fails } }, metrics: false }],
    ['meterProvider', { tracing: false, metrics: { meterProvider: { getMeter: fails } } }],
    [
      'meterProvider',
      {
        tracing: false,
        metrics: { meterProvider: { getMeter: () => ({ createHistogram: fails }) as never } },
      },
    ],
  ])('names the provider that throws at startup: %s', async (option, options) => {
    const starting = startApplication(server.url, { imports: [JetStreamOtelModule.forRoot(options)] });
    const error: unknown = await starting.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({ argument: option, cause: new Error('broken SDK') });
  });

  it.each([
    [{ tracing: true }, 'tracing'],
    [{ tracing: { correlation: 'parent' } }, 'correlation'],
    [{ tracing: { captureHeaders: 'x-*' } }, 'captureHeaders'],
    [{ tracing: { ignore: 'a b' } }, 'ignore'],
    [{ tracing: { tracerProvider: {} } }, 'tracerProvider'],
    [{ metrics: { meterProvider: {} } }, 'meterProvider'],
    [{ metric: false }, 'metric'],
  ])('the options %o stop the startup', async (options, name) => {
    const started = startApplication(server.url, {
      imports: [JetStreamOtelModule.forRoot(options as never)],
    });
    await expect(started).rejects.toThrow(InvalidArgumentError);
    await expect(started).rejects.toThrow(name);
  });

  it('accepts options that are created when the application starts', async () => {
    await clear();
    await using application = await startApplication(server.url, {
      imports: [JetStreamOtelModule.forRootAsync({ useFactory: () => ({ tracing: false as const }) })],
      feature: { streams: [{ name: 'EVENTS', subjects: ['events.*.*'], storage: 'memory' }] },
    });
    await application.app.get(JetStreamService).publish('events.1.a', 'x');
    expect(traced.spans).toEqual([]);
  });
});
