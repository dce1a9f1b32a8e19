import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  getJetStreamInstancesToken,
  Handlers,
  InvalidArgumentError,
  JetStreamInstances,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  PermissionDeniedError,
  RequestTimeoutError,
} from 'nestjs-nats-jetstream';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { connect as connectService } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

const feature = { streams: [{ name: 'S', subjects: ['s'], storage: 'memory' }] } as const;

@Injectable()
class Billing {
  @JsConsumer({ stream: 'S', durable: 'billing', retry: { backoff: [60_000] } })
  onPlaced(@Payload() order: { readonly fails?: boolean }): void {
    if (order.fails === true) throw new TypeError('no');
  }
}

const valid = {
  name: 'A-b',
  subject: 'a',
  queue_group: 'q',
  num_requests: 1,
  num_errors: 0,
  last_error: '',
  processing_time: 1,
  average_processing_time: 1,
};
const report = {
  handler: 'A.b',
  form: 'consumer',
  connection: 'default',
  source: 'S',
  consumer: 'c',
  status: 'paused',
  connected: true,
  inFlight: 1,
  outcomes: { acked: 1 },
};

function answer(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    type: 'io.nats.micro.v1.stats_response',
    name: 'hostile',
    id: 'A',
    version: '1.0.0',
    metadata: {},
    started: new Date().toISOString(),
    endpoints: [],
    ...changes,
  });
}

describe.each(['2.15', '2.10', '2.9'])('the instances of services on nats-server %s', (version) => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  it('are listed with the states and figures of their handlers', async () => {
    const start = (name: string): ReturnType<typeof startApplication> =>
      startApplication(server.url, {
        feature,
        providers: [Billing],
        options: { discovery: { name, version: '1.0.0', metadata: { of: name } } },
      });
    await using first = await start('shop');
    await using second = await start('shop');
    await using other = await start('other');
    // A service of another library.
    const nc = await connectService({ servers: server.url });
    const foreign = await nc.services.add({ name: 'foreign', version: '0.0.1' });
    foreign.addEndpoint('double', { subject: 'double', handler: (_, message) => void message.respond() });
    await nc.request('double');

    const instances = first.app.get(JetStreamInstances);
    const found = await instances.list();
    expect(found.skipped).toBe(0);
    const ids = [instances.id, second.app.get(JetStreamInstances).id];
    expect(found.instances.map(({ id }) => id)).toEqual(
      ids.toSorted((a, b) => ((a ?? '') < (b ?? '') ? -1 : 1)),
    );
    expect(found.instances.find(({ isSelf }) => isSelf)?.id).toBe(instances.id);
    expect(found.instances[0]).toMatchObject({
      name: 'shop',
      version: '1.0.0',
      metadata: { of: 'shop' },
      endpoints: [
        {
          name: 'Billing-onPlaced',
          subject: '>',
          queueGroup: 'billing',
          requests: 0,
          errors: 0,
          lastError: '',
          averageProcessingTime: 0,
          handler: { handler: 'Billing.onPlaced', status: 'running', source: 'S', consumer: 'billing' },
        },
      ],
    });
    expect(Date.now() - (found.instances[0]?.startedAt.getTime() ?? 0)).toBeLessThan(60_000);

    await second.app.get(Handlers).pause('Billing.onPlaced');
    await other.app.get(Handlers).pause('Billing.onPlaced');
    await first.app.get(JetStreamService).publish('s', {});
    await first.app.get(JetStreamService).publish('s', { fails: true });
    const handled = await eventually(
      () => instances.list({ name: 'shop' }),
      (each) => each.instances.some(({ endpoints: [shown] }) => shown?.requests === 2),
    );
    const byId = new Map(handled.instances.map(({ id, endpoints: [shown] }) => [id, shown]));
    expect(byId.get(instances.id ?? '')).toMatchObject({
      errors: 1,
      lastError: 'Billing.onPlaced: TypeError',
      handler: { status: 'running', outcomes: { acked: 1, retried: 1 } },
    });
    expect(byId.get(instances.id ?? '')?.processingTime).toBeGreaterThan(0);
    expect(byId.get(second.app.get(JetStreamInstances).id ?? '')).toMatchObject({
      requests: 0,
      handler: { status: 'paused', inFlight: 0 },
    });

    const all = await instances.listAll();
    expect(all.instances.map(({ name }) => name)).toEqual(['foreign', 'other', 'shop', 'shop']);
    expect(all.instances[0]?.endpoints).toMatchObject([
      { name: 'double', subject: 'double', requests: 1, handler: undefined },
    ]);
    await foreign.stop();
    await nc.close();
    expect((await instances.list({ name: 'foreign' })).instances).toEqual([]);
    await first.app.get(JetStreamService).deleteStream('S');
  });
});

describe('listing instances', () => {
  let server: NatsTestServer;
  let nc: NatsConnection;

  beforeAll(async () => {
    server = await NatsTestServer.start({
      users: [{ user: 'all' }, { user: 'limited', permissions: { publish: { allow: '>', deny: '$SRV.>' } } }],
      noAuthUser: 'all',
    });
    nc = await connect({ servers: server.url });
  });
  afterAll(async () => {
    await nc.close();
    await server.stop();
  });

  it('needs a name if the application is no service', async () => {
    await using application = await startApplication(server.url, {});
    const instances = application.app.get(JetStreamInstances);
    expect(instances.id).toBeUndefined();
    await expect(instances.list()).rejects.toThrow(InvalidArgumentError);
    await expect(instances.list({ name: 'a.b' })).rejects.toThrow(InvalidArgumentError);
    await expect(instances.list({ name: '>' })).rejects.toThrow(InvalidArgumentError);
    // The answer of the server that there is no service does not take the whole timeout.
    expect(await instances.list({ name: 'none', timeout: 60_000 })).toEqual({ instances: [], skipped: 0 });
    expect(await instances.listAll({ timeout: Infinity })).toEqual({ instances: [], skipped: 0 });
  });

  it('fails without a permission or a link, and at an aborted signal', async () => {
    await using limited = await startApplication(server.url, {
      connection: server.connectionFor('limited'),
    });
    await expect(limited.app.get(JetStreamInstances).listAll()).rejects.toThrow(PermissionDeniedError);
    await using own = await NatsTestServer.start();
    await using application = await startApplication(own.url, { options: { shutdownTimeout: 100 } });
    const instances = application.app.get(JetStreamInstances);
    await expect(instances.listAll({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
    await own.kill();
    await eventually(
      () => application.app.get(JetStreamService).connection.hasLink,
      (hasLink) => !hasLink,
    );
    await expect(instances.listAll({ timeout: 50 })).rejects.toThrow(RequestTimeoutError);
    const controller = new AbortController();
    const waiting = instances.listAll({ timeout: Infinity, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('is empty if only a client that listens to everything receives the request', async () => {
    await using application = await startApplication(server.url, {});
    const all = nc.subscribe('$SRV.>', { callback: () => undefined });
    await nc.flush();
    const found = await application.app.get(JetStreamInstances).list({ name: 'none', timeout: 300 });
    expect(found).toEqual({ instances: [], skipped: 0 });
    all.unsubscribe();
  });

  it.skipIf(process.platform === 'win32')('fails if the server does not respond', async () => {
    await using own = await NatsTestServer.start();
    await using application = await startApplication(own.url, { options: { shutdownTimeout: 100 } });
    own.pause();
    const listing = application.app.get(JetStreamInstances).listAll({ timeout: 200 });
    await expect(listing).rejects.toThrow(RequestTimeoutError);
    own.resume();
  });

  it('ends with the timeout if a peer never stops to answer', async () => {
    await using application = await startApplication(server.url, {});
    let timer: NodeJS.Timeout | undefined;
    const endless = nc.subscribe('$SRV.STATS.endless', {
      callback: (_, { reply = '' }) => {
        timer = setInterval(() => nc.publish(reply, answer({ name: 'endless' })), 10);
      },
    });
    await nc.flush();
    const startedAt = performance.now();
    const { instances, skipped } = await application.app
      .get(JetStreamInstances)
      .list({ name: 'endless', timeout: 300 });
    clearInterval(timer);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(instances).toHaveLength(1);
    expect(skipped).toBeGreaterThan(0);
    endless.unsubscribe();
  });

  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no JSON', '{"type":'],
    ['bytes that are not UTF-8', Uint8Array.of(34, 255, 34)],
    ['null', 'null'],
    ['a number', '5'],
    ['a list', '[]'],
    ['deeply nested JSON', '['.repeat(100_000)],
    ['an answer of another type', answer({ type: 'io.nats.micro.v1.ping_response' })],
    ['an acknowledgement of a stream', '{"stream":"ALL","seq":4}'],
    ['no id', answer({ id: undefined })],
    ['an id with several tokens', answer({ id: 'a.>' })],
    ['a long id', answer({ id: 'a'.repeat(129) })],
    ['another name', answer({ name: 'other' })],
    ['a name with several tokens', answer({ name: 'hostile.>' })],
    ['a version that is a number', answer({ version: 1 })],
    ['a huge version', answer({ version: '1'.repeat(5_000) })],
    ['metadata with numbers', answer({ metadata: { a: 1 } })],
    ['metadata that is a list', answer({ metadata: [] })],
    ['no start', answer({ started: undefined })],
    ['a start that cannot be read', answer({ started: 'soon' })],
    ['endpoints that are an object', answer({ endpoints: {} })],
    ['an endpoint that is null', answer({ endpoints: [null] })],
    ['too many endpoints', answer({ endpoints: Array.from({ length: 10_001 }, () => 0) })],
    ['an endpoint without a name', answer({ endpoints: [{ ...valid, name: undefined }] })],
    ['a negative number', answer({ endpoints: [{ ...valid, num_requests: -1 }] })],
    ['a number that is text', answer({ endpoints: [{ ...valid, num_errors: '1' }] })],
    [
      'an infinite number',
      answer({ endpoints: [valid] }).replace('"processing_time":1', '"processing_time":1e999'),
    ],
    ['the same id again', answer({})],
  ])('skips and counts %s', async (_, hostile) => {
    await using application = await startApplication(server.url, {});
    const subscription = nc.subscribe('$SRV.STATS.hostile', {
      callback: (__, { reply = '' }) => {
        nc.publish(reply, answer({}));
        nc.publish(reply, hostile);
        nc.publish(reply, answer({ id: 'B' }));
      },
    });
    await nc.flush();
    const found = await application.app.get(JetStreamInstances).list({ name: 'hostile' });
    expect(found.instances.map(({ id }) => id)).toEqual(['A', 'B']);
    expect(found.skipped).toBe(1);
    subscription.unsubscribe();
  });

  it.each<[string, object | undefined, object | undefined]>([
    ['that is complete', report, { handler: 'A.b', status: 'paused', outcomes: { acked: 1 } }],
    ['with a new outcome', { ...report, outcomes: { acked: 1, vanished: 2 } }, { outcomes: { acked: 1 } }],
    ['with a wrong outcome', { ...report, outcomes: { acked: '1', lost: 2 } }, { outcomes: { lost: 2 } }],
    ['of another library', { requests: 5 }, undefined],
    ['with an unknown state', { ...report, status: 'on' }, undefined],
    ['with an unknown form', { ...report, form: 'toString' }, undefined],
    ['with text for a number', { ...report, inFlight: '1' }, undefined],
    ['with text for a flag', { ...report, connected: 'yes' }, undefined],
    ['with a number for text', { ...report, consumer: 1 }, undefined],
    ['that is missing', undefined, undefined],
  ])('reads the state of a handler %s', async (_, data, expected) => {
    await using application = await startApplication(server.url, {});
    const subscription = nc.subscribe('$SRV.STATS.hostile', {
      callback: (__, { reply = '' }) => nc.publish(reply, answer({ endpoints: [{ ...valid, data }] })),
    });
    await nc.flush();
    const found = await application.app.get(JetStreamInstances).list({ name: 'hostile' });
    expect(found.skipped).toBe(0);
    const handler = found.instances[0]?.endpoints[0]?.handler;
    expect({ handler }).toMatchObject({ handler: expected });
    expect(Object.keys(handler?.outcomes ?? {})).not.toContain('vanished');
    subscription.unsubscribe();
  });

  it('shows the patterns of a server with its own connection that was given the instrument', async () => {
    @Controller()
    class Work {
      @EventPattern('work.done')
      event(@Payload() _: unknown): void {}
    }
    const module = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({
          name: 'events',
          connection: { servers: server.url },
          discovery: { name: 'worker', version: '1.0.0' },
        }),
      ],
      controllers: [Work],
    })
      .setLogger(new LogRecorder())
      .compile();
    const app = module.createNestApplication();
    const instances = app.get<JetStreamInstances>(getJetStreamInstancesToken('events'));
    app.connectMicroservice({
      strategy: new JetStreamServer({
        name: 'work',
        streams: [{ name: 'WORK', subjects: ['work.>'], storage: 'memory' }],
        connection: { servers: server.url },
        instruments: [instances.instrument],
      }),
    });
    await app.startAllMicroservices();
    await app.init();
    const { instances: found } = await instances.list();
    expect(found).toMatchObject([
      {
        isSelf: true,
        endpoints: [
          {
            name: 'EventPattern-work-done',
            subject: 'work.done',
            handler: { connection: 'work', status: 'running', form: 'event' },
          },
        ],
      },
    ]);
    await app.close();
  });
});
