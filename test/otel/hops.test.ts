import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { TraceFlags } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import {
  InvalidArgumentError,
  JetStreamService,
  JsConsumer,
  JsHeaders,
  type StreamConfig,
} from 'nestjs-nats-jetstream';
import { JetStreamOtelModule, jetStreamTracing } from 'nestjs-nats-jetstream/otel';
import { connect, type NatsConnection, type NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import { NatsTestCluster, NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HopTracing } from '../../lib/otel/hops/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Traced } from './traced.js';

const traced = new Traced();
const received: (string | undefined)[] = [];

@Injectable()
class Billing {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.*' })
  onOrder(@Payload() _: unknown, @JsHeaders('Nats-Trace-Dest') destination: string | undefined): void {
    received.push(destination);
  }
}

interface Settings {
  readonly stream?: Partial<StreamConfig>;
  readonly connection?: NodeConnectionOptions;
}

async function startBilling(
  url: string,
  hops: boolean | string,
  { stream = {}, connection = {} }: Settings = {},
): Promise<TestApplication> {
  const application = await startApplication(url, {
    connection,
    imports: [JetStreamOtelModule.forRoot({ tracing: { hops }, metrics: false })],
    feature: {
      streams: [{ name: 'ORDERS', subjects: ['orders.*'], storage: 'memory', ...stream }],
    },
    providers: [Billing],
  });
  // Until then no reports are asked for.
  await application.app.get(JetStreamService).connection.flush();
  return application;
}

/** The values of a span that do not depend on the server. */
function shown({ attributes }: ReadableSpan): unknown {
  const {
    'messaging.nats.hop': hop,
    'messaging.destination.name': subject,
    'messaging.nats.stream.name': stream,
  } = attributes;
  return { hop, subject, stream };
}

beforeAll(() => traced.register());
beforeEach(() => {
  traced.reset();
  received.length = 0;
});

describe('the servers on the path of a message', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it('are spans below the publish', async () => {
    await using application = await startBilling(server.url, true);
    await traced.inSpan('POST /orders', () =>
      application.app.get(JetStreamService).publish('orders.1', { id: 1 }),
    );
    await traced.ended('nats-server');
    await traced.ended('process');
    const [{ children: [publish] = [] }] = traced.trees;
    expect(publish).toMatchObject({ span: 'publish orders.*' });
    expect(publish?.children?.map(({ span }) => span).toSorted()).toEqual([
      'nats-server',
      'process orders.*',
    ]);
    expect(publish?.children?.find(({ span }) => span === 'nats-server')).toEqual({
      span: 'nats-server',
      kind: 'INTERNAL',
      events: ['received', 'stored'],
    });
    const [hop] = traced.named('nats-server');
    expect(hop.attributes).toEqual({
      'messaging.system': 'nats',
      'messaging.operation.name': 'route',
      'messaging.destination.name': 'orders.1',
      'messaging.nats.hop': '',
      'messaging.nats.stream.name': 'ORDERS',
      'messaging.nats.server.name': server.name,
      'messaging.nats.server.version': server.version,
      'server.address': '127.0.0.1',
    });
    expect(hop.events[0]?.attributes).toMatchObject({
      'messaging.nats.hop.connection_kind': 'client',
      'messaging.nats.hop.subject': 'orders.1',
    });
    const [parent] = traced.named('publish');
    const time = ([seconds, nanos]: readonly [number, number]): number => seconds * 1_000 + nanos / 1e6;
    expect(time(hop.startTime)).toBeGreaterThan(time(parent.startTime) - 5);
    expect(time(hop.endTime)).toBeGreaterThanOrEqual(time(hop.startTime));
    expect(time(hop.endTime)).toBeLessThan(time(parent.endTime) + 5);
    // A stored message is not reported again when it is delivered.
    expect(received).toEqual(['trace disabled']);
  });

  it('name the subscriptions that they sent the message to', async () => {
    await using application = await startBilling(server.url, true);
    const nc = await connect({ servers: server.url });
    nc.subscribe('orders.>', { queue: 'auditors', callback: () => undefined });
    await nc.flush();
    await application.app.get(JetStreamService).publish('orders.2', 'two');
    const [hop] = await traced.ended('nats-server');
    await nc.close();
    const sent = hop.events.find(({ name }) => name === 'sent');
    expect(sent?.attributes).toMatchObject({
      'messaging.nats.hop.subscription': 'orders.>',
      'messaging.nats.hop.queue': 'auditors',
      'messaging.nats.hop.connection_kind': 'client',
    });
  });

  it('are not asked if the span is not sampled, or for batches, or if the caller has set a trace', async () => {
    await using batches = await NatsTestServer.start();
    await using application = await startBilling(batches.url, true, { stream: { allowBatchPublish: true } });
    const jetstream = application.app.get(JetStreamService);
    const parent = `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`;
    await jetstream.publish('orders.3', 3, { headers: { traceparent: parent } });
    await jetstream.publish('orders.4', 4, { headers: { 'Nats-Trace-Dest': 'elsewhere' } });
    await jetstream.ingest([{ subject: 'orders.5', data: 5 }]);
    await eventually(
      () => received.length,
      (count) => count === 3,
    );
    expect(received.filter((destination) => destination !== undefined)).toEqual(['trace disabled']);
    expect(traced.named('nats-server')).toEqual([]);
  });

  it.each([
    'Nats-Trace-Dest',
    'nats-trace-dest',
    'NATS-TRACE-DEST',
    'Nats-Trace-Only',
    'nats-trace-only',
    'NATS-TRACE-ONLY',
  ])('are not asked if the caller has set the header %s: the message is stored', async (name) => {
    await using application = await startBilling(server.url, true);
    const jetstream = application.app.get(JetStreamService);
    const headers = { [name]: name.toLowerCase().endsWith('only') ? 'true' : 'elsewhere' };
    const { sequence } = await jetstream.publish('orders.only', 1, { headers });
    const stored = await (await jetstream.stream('ORDERS')).getMessage(sequence);
    const sent = [...(stored.headers ?? [])].map(([key]) => key).filter((key) => /^nats-trace/i.test(key));
    expect(sent).toEqual([name]);
  });

  it('are spans of one of the applications if the account traces messages', async () => {
    await using accounts = await NatsTestServer.start({
      config: {
        accounts: {
          A: {
            jetstream: 'enabled',
            users: [{ user: 'a', password: 'a' }],
            msg_trace: { dest: 'traces.a', sampling: 100 },
          },
        },
        no_auth_user: 'a',
      },
    });
    await using first = await startBilling(accounts.url, 'traces.a');
    await using _second = await startBilling(accounts.url, 'traces.a');
    for (let i = 0; i < 20; i++) await first.app.get(JetStreamService).publish(`orders.${i}`, i);
    const spans = await traced.ended('nats-server', 20);
    const publishes = new Map(
      traced
        .named('publish')
        .map((span) => [span.spanContext().spanId, span.attributes['messaging.destination.name']]),
    );
    expect(spans).toHaveLength(20);
    for (const { parentSpanContext, attributes } of spans) {
      expect(publishes.get(parentSpanContext?.spanId ?? '')).toBe(attributes['messaging.destination.name']);
    }
    expect(traced.counts.started).toBe(traced.counts.ended);
  });

  it('are not traced by nats-server 2.10, with a warning', async () => {
    await using old = await NatsTestServer.start({ version: '2.10' });
    await using application = await startBilling(old.url, true);
    await application.app.get(JetStreamService).publish('orders.1', 1);
    await eventually(
      () => received.length,
      (count) => count === 1,
    );
    expect(received).toEqual([undefined]);
    expect(application.logs.of('warn', 'JetStreamTracing')).toEqual([
      `Connection "default": there are no spans of servers, because nats-server ${old.version} does not report the path of ` +
        'messages. Upgrade it to 2.11.0, or remove the option tracing.hops.',
    ]);
  });

  it.each([
    ['a number', 7, 'JetStreamOtelModule.forRoot'],
    ['a subject with a space', 'a b', 'hops'],
    ['a subject with a wildcard', 'traces.*', 'without wildcards'],
    ['all subjects', '>', 'without wildcards'],
    ['a subject of the server', '$JS.API.>', 'hops'],
    ['a subject of the system', '$SYS.traces', 'hops'],
  ])('stop the startup if the option is %s', async (_, hops, words) => {
    await expect(startBilling(server.url, hops as never)).rejects.toThrow(words);
  });

  it('need the module', () => {
    expect(() => jetStreamTracing({ hops: true })).toThrow(InvalidArgumentError);
    expect(() => jetStreamTracing({ hops: false })).not.toThrow();
  });
});

describe('the servers of a cluster', () => {
  it('are spans below each other, in the order of the path', async () => {
    await using cluster = await NatsTestCluster.start(3);
    const [url] = cluster.urls;
    await using application = await startBilling(url, true);
    const jetstream = application.app.get(JetStreamService);
    const { cluster: group } = await (await jetstream.stream('ORDERS')).info();
    const entry = cluster.servers.findIndex(({ name }) => name !== group?.leader);
    await using far = await startBilling(cluster.urls[entry] ?? url, true);
    traced.reset();
    await far.app.get(JetStreamService).publish('orders.1', 'one');
    const [first, second] = await traced.ended('nats-server', 2);
    expect(shown(first)).toEqual({ hop: '', subject: 'orders.1', stream: undefined });
    expect(first.attributes['messaging.nats.server.name']).toBe(cluster.servers[entry]?.name);
    expect(shown(second)).toEqual({ hop: '1', subject: 'orders.1', stream: 'ORDERS' });
    expect(second.attributes['messaging.nats.server.name']).toBe(group?.leader);
    expect(second.parentSpanContext?.spanId).toBe(first.spanContext().spanId);
    expect(first.parentSpanContext?.spanId).toBe(traced.named('publish')[0]?.spanContext().spanId);
  });
});

describe('reports of servers', () => {
  let server: NatsTestServer;
  let nc: NatsConnection;
  let exporter: InMemorySpanExporter;
  let tracing: HopTracing;
  let application: TestApplication;
  const subject = `traces.${randomUUID()}`;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    nc = await connect({ servers: server.url });
    application = await startApplication(server.url, {});
    exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    tracing = new HopTracing(provider.getTracer('hops'), subject);
    tracing.start([application.app.get(JetStreamService).connection]);
    await application.app.get(JetStreamService).connection.flush();
  });
  afterAll(async () => {
    tracing.close();
    await application[Symbol.asyncDispose]();
    await nc.close();
    await server.stop();
  });
  beforeEach(() => exporter.reset());

  const second = Math.floor(Date.now() / 1_000);
  const timeOf = (seconds: number): string =>
    new Date(seconds * 1_000).toISOString().replace('.000Z', '.123456789Z');
  const step = { type: 'in', ts: timeOf(second), kind: 0, cid: 5, acc: '$G', subj: 'a' };
  const report = (hop: string, hops: number, trace = '0af7651916cd43dd8448eb211c80319c'): object => ({
    server: { name: `server-${hop}`, host: 'h', ver: '2.15.1' },
    request: {
      header: {
        traceparent: [`00-${trace}-b7ad6b7169203331-01`],
        ...(hop !== '' && { 'Nats-Trace-Hop': [hop] }),
      },
    },
    hops,
    events: [step],
  });

  async function send(...reports: unknown[]): Promise<void> {
    for (const each of reports) nc.publish(subject, typeof each === 'string' ? each : JSON.stringify(each));
    await nc.flush();
  }

  const spans = (count: number): Promise<readonly ReadableSpan[]> =>
    eventually(
      () => exporter.getFinishedSpans(),
      ({ length }) => length >= count,
    );

  it('may arrive in any order', async () => {
    await send(report('1.1', 0), report('2', 0), report('1', 1), report('', 2));
    const all = await spans(4);
    const byHop = new Map(all.map((span) => [span.attributes['messaging.nats.hop'], span]));
    const parent = (hop: string): unknown => byHop.get(hop)?.parentSpanContext?.spanId;
    const id = (hop: string): unknown => byHop.get(hop)?.spanContext().spanId;
    expect([parent(''), parent('1'), parent('2'), parent('1.1')]).toEqual([
      'b7ad6b7169203331',
      id(''),
      id(''),
      id('1'),
    ]);
    expect(all[0]?.startTime).toEqual([second, 123_456_789]);
    expect(all[0]?.spanContext().traceFlags).toBe(TraceFlags.SAMPLED);
  });

  it('that are incomplete become spans after a while', async () => {
    await send(report('1', 0), report('3', 0));
    const all = await spans(2);
    expect(all.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
      'b7ad6b7169203331',
      'b7ad6b7169203331',
    ]);
  });

  it('of several messages with the same trace become a span each', async () => {
    await send(report('', 1), report('', 1), report('', 0));
    expect(await spans(3)).toHaveLength(3);
  });

  it('of very many messages are bounded', async () => {
    const traces = Array.from({ length: 900 }, (_, i) => i.toString(16).padStart(32, 'a'));
    await send(...traces.map((trace) => report('', 1, trace)));
    expect((await spans(100)).length).toBeGreaterThanOrEqual(100);
    await spans(900);
  });

  const wrong: readonly [string, unknown][] = [
    ['text', 'hello'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['another object', {}],
    ['no server', { ...report('', 0), server: 7 }],
    ['no events', { ...report('', 0), events: [] }],
    ['invalid events', { ...report('', 0), events: [null, 7, 'x', {}, { type: 'in', ts: 'soon' }] }],
    ['an invalid hop', report('x', 0)],
    ['a very long hop', report('1.'.repeat(100_000), 0)],
    ['a time in the past', { ...report('', 0), events: [{ ...step, ts: timeOf(second - 90_000) }] }],
    ['a time in the future', { ...report('', 0), events: [step, { ...step, ts: timeOf(second + 90_000) }] }],
    ['too many bytes', { ...report('', 0), padding: 'x'.repeat(70_000) }],
  ];
  it.each(wrong)('that are not valid are skipped: %s', async (_, text) => {
    await send(text, report('', 0, 'f'.repeat(32)));
    const all = await spans(1);
    expect(all.map((span) => span.spanContext().traceId)).toEqual(['f'.repeat(32)]);
  });

  const strange: readonly [string, unknown][] = [
    ['a number of hops', { ...report('', 0), hops: 'many' }],
    ['headers', { ...report('', 0), request: { header: { traceparent: 7, x: [null] } } }],
    ['a trace', { ...report('', 0), request: { header: { traceparent: ['rubbish'] } } }],
    ['the kind of a connection', { ...report('', 0), events: [{ ...step, kind: 99 }] }],
    ['nested values', { ...report('', 0), events: [{ ...step, nested: { a: 1 }, list: [1] }] }],
  ];
  it.each(strange)('are read without what is not valid: %s', async (_, text) => {
    await send(text);
    const [span] = await spans(1);
    expect(span.name).toBe('nats-server');
  });

  it('have short texts', async () => {
    const long = 'x'.repeat(5_000);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`v${i}`, i]));
    const sender = { name: long, host: long, ver: long, cluster: long };
    await send({
      ...report('', 0),
      server: sender,
      events: [{ ...step, subj: long, [long]: long, ...many }],
    });
    const [{ attributes, events }] = await spans(1);
    const values = events[0]?.attributes ?? {};
    for (const [name, value] of [...Object.entries(attributes), ...Object.entries(values)]) {
      expect(name.length).toBeLessThanOrEqual(300);
      expect(String(value).length).toBeLessThanOrEqual(256);
    }
    expect(attributes['messaging.nats.server.name']).toHaveLength(256);
    expect(Object.keys(values).length).toBeLessThanOrEqual(32);
  });

  it('with an error are errors of their span', async () => {
    const failed = { type: 'js', ts: step.ts, stream: 'A', error: 'maximum messages exceeded' };
    await send({ ...report('', 0), events: [step, failed] });
    const [span] = await spans(1);
    expect(span.status.message).toBe('maximum messages exceeded');
    expect(span.attributes['error.type']).toBe('_OTHER');
  });

  it('of more than 1,000 messages in a second are dropped, with one warning', async () => {
    const traces = Array.from({ length: 5_000 }, (_, i) => i.toString(16).padStart(32, 'b'));
    await send(...traces.map((trace) => report('', 0, trace)));
    const lines = await eventually(
      () => application.logs.of('warn', 'JetStreamTracing'),
      ({ length }) => length > 0,
    );
    expect(lines).toEqual([expect.stringMatching(/^More than 1000 reports of servers arrived in a second/)]);
    expect(exporter.getFinishedSpans().length).toBeLessThan(5_000);
  });
});

it('spans of servers need the permission to publish to inboxes', async () => {
  await using server = await NatsTestServer.start({
    config: {
      authorization: {
        users: [
          { user: 'boss', password: 'x' },
          { user: 'app', password: 'x', permissions: { publish: { deny: ['_INBOX.>'] } } },
        ],
      },
    },
  });
  await using _owner = await startBilling(server.url, false, { connection: { user: 'boss', pass: 'x' } });
  await using application = await startBilling(server.url, true, { connection: { user: 'app', pass: 'x' } });
  const jetstream = application.app.get(JetStreamService);
  await eventually(
    () => application.logs.of('error', 'JetStreamTracing'),
    (lines) => lines.length > 0,
  );
  const { sequence } = await jetstream.publish('orders.1', 1);
  expect(sequence).toBe(1);
  expect(application.logs.of('error', 'JetStreamTracing')).toEqual([
    expect.stringMatching(
      /^Connection "default": there are no spans of servers: .*Publish to "_INBOX\.\S+"\. Grant the user/,
    ),
  ]);
});
