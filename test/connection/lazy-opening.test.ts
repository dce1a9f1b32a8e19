import { Readable } from 'node:stream';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  ConfigMismatchError,
  ConnectionClosedError,
  ConnectionFailedError,
  defineMessage,
  getJetStreamToken,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreToken,
  getPublisherToken,
  getStreamToken,
  HandlerConfigurationError,
  Handlers,
  type JetStreamEvent,
  JetStreamEvents,
  JetStreamInstances,
  JetStreamModule,
  type JetStreamModuleOptions,
  JetStreamService,
  JsConsumer,
  JsSchedule,
  type KeyValue,
  KvWatch,
  type MessagePublisher,
  NotConnectedError,
  type ObjectStore,
  Schedules,
  type Stream,
} from 'nestjs-nats-jetstream';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../lib/connection/index.js';
import { ModuleProcess } from '../consuming/idempotence/module-process.js';
import { startApplication } from '../support/application.js';
import { BundledModule } from '../support/bundled-module.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { accepted, startLazily } from './lazy.js';

const UNOPENED = "It is not connected yet, because no call has needed it (connect: 'lazy').";
const NOWHERE = 'nats://127.0.0.1:1';
const ORDERS = { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' } as const;

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

describe('opening', () => {
  it('happens once for many first calls', async () => {
    await using app = await startLazily(server.url, { feature: { streams: [ORDERS] } });
    const before = await accepted(server);
    const futures = Array.from({ length: 50 }, (_, i) => app.jetstream.publishAsync(`orders.${i}`, i));
    const published = Array.from({ length: 50 }, (_, i) => app.jetstream.publish(`orders.${i}`, i));
    expect(app.jetstream.publishAsyncPending).toBe(50);
    const acks = await Promise.all([...published, ...futures.map(({ ack }) => ack)]);
    expect(new Set(acks.map(({ sequence }) => sequence)).size).toBe(100);
    expect((await accepted(server)) - before).toBe(1);
    expect(app.jetstream.publishAsyncPending).toBe(0);
  });

  it('fails all waiting calls, and is tried again by the next one', async () => {
    await using late = await NatsTestServer.start();
    await late.kill();
    await using app = await startLazily(late.url, { feature: { streams: [ORDERS] } });
    for (let round = 0; round < 3; round++) {
      const outcomes = await Promise.allSettled([
        app.jetstream.publish('orders.1', 1),
        app.jetstream.publishAsync('orders.1', 1).ack,
        app.jetstream.stream('ORDERS'),
      ]);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ECONNREFUSED' } });
        expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(ConnectionFailedError);
      }
      expect(app.jetstream.status.state).toBe('unopened');
    }
    await late.restart();
    expect(await app.jetstream.publish('orders.1', 1)).toMatchObject({ stream: 'ORDERS', sequence: 1 });
    await late.restart();
    await eventually(
      () => app.jetstream.status,
      ({ state, reconnects }) => state === 'connected' && reconnects === 1,
    );
  });

  it('waits within the limits of each call', async () => {
    await using proxy = await server.proxy();
    proxy.halfOpen();
    await using app = await startLazily(proxy.url);
    const controller = new AbortController();
    const startedAt = performance.now();
    const times: Record<string, number> = {};
    const timed = async (name: string, call: Promise<unknown>): Promise<unknown> => {
      const error: unknown = await call.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      times[name] = performance.now() - startedAt;
      return error;
    };
    setTimeout(() => controller.abort(new Error('enough')), 100);
    const [short, aborted, long] = await Promise.all([
      timed('short', app.jetstream.publish('a', 1, { timeout: 300 })),
      timed('aborted', app.jetstream.stream('A', { signal: controller.signal, timeout: 5_000 })),
      timed('long', app.jetstream.publishAsync('a', 1, { timeout: 600 }).ack),
    ]);
    expect(short).toMatchObject({ name: 'ConnectionFailedError', code: 'TIMEOUT' });
    expect((short as Error).message).toContain('not open within 300 ms');
    expect(aborted).toMatchObject({ message: 'enough' });
    expect(long).toMatchObject({ name: 'ConnectionFailedError', code: 'TIMEOUT' });
    expect(times.aborted).toBeLessThan(250);
    expect(times.short).toBeGreaterThan(290);
    expect(times.short).toBeLessThan(500);
    expect(times.long).toBeGreaterThan(590);
    expect(app.jetstream.status.state).toBe('unopened');
    proxy.heal();
    proxy.cut();
    // The next call does not wait for the attempt that hangs.
    expect(await app.jetstream.rtt({ timeout: 3_000 })).toBeGreaterThan(0);
  });

  it('does not open it for a call whose signal is aborted', async () => {
    await using app = await startLazily(server.url);
    const before = await accepted(server);
    const signal = AbortSignal.abort(new Error('no'));
    await expect(app.jetstream.publish('a', 1, { signal })).rejects.toThrow('no');
    expect(await accepted(server)).toBe(before);
  });

  it('shares the time limit of a call with the call itself', async () => {
    await using proxy = await server.proxy();
    await using app = await startLazily(proxy.url, { feature: { streams: [ORDERS] } });
    proxy.latency(100);
    const startedAt = performance.now();
    await expect(
      app.jetstream.publish('nowhere', 1, { timeout: 600, retry: { attempts: 100 } }),
    ).rejects.toThrow();
    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  it('ends when the application is closed', async () => {
    await using proxy = await server.proxy();
    proxy.halfOpen();
    const app = await startLazily(proxy.url, { feature: { streams: [ORDERS] } });
    const outcomes = Promise.allSettled([
      app.jetstream.publish('orders.1', 1),
      app.jetstream.publishAsync('orders.1', 1).ack,
      app.get<Stream>(String(getStreamToken('ORDERS'))).info(),
      app.get<NatsConnection>(String(getNatsConnectionToken())).flush(),
    ]);
    await eventually(
      () => proxy.connections,
      (count) => count === 1,
    );
    const startedAt = performance.now();
    await app.close();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected' });
      expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(ConnectionClosedError);
    }
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(app.jetstream.status.state).toBe('closed');
    await expect(app.jetstream.publish('orders.1', 1)).rejects.toBeInstanceOf(ConnectionClosedError);
    await expect(app.jetstream.stream('ORDERS')).rejects.toBeInstanceOf(ConnectionClosedError);
  });

  it('is too late after the application was closed', async () => {
    const app = await startLazily(server.url);
    const before = await accepted(server);
    await app.close();
    await expect(app.jetstream.publish('orders.1', 1)).rejects.toBeInstanceOf(ConnectionClosedError);
    expect(await accepted(server)).toBe(before);
  });
});

describe('declared resources', () => {
  it('are created before the first call continues, and are those of the server afterwards', async () => {
    const placed = defineMessage({ subject: 'shop.:id' });
    const noted = defineMessage({ subject: 'notes', core: true });
    await using app = await startLazily(server.url, {
      feature: {
        streams: [{ name: 'SHOP', subjects: ['shop.>'], storage: 'memory' }],
        keyValues: [{ bucket: 'shop', storage: 'memory', history: 3 }],
        objectStores: [{ bucket: 'shop', storage: 'memory' }],
        messages: [placed, noted],
      },
    });
    const stream = app.get<Stream>(String(getStreamToken('SHOP')));
    const bucket = app.get<KeyValue>(String(getKeyValueToken('shop')));
    const objects = app.get<ObjectStore>(String(getObjectStoreToken('shop')));
    expect(stream.name).toBe('SHOP');
    expect(stream.cachedInfo.created.getTime()).toBe(0);
    const publisher = app.get<MessagePublisher<typeof placed>>(String(getPublisherToken(placed)));
    expect(await publisher.publish({ id: '1' }, { a: 1 })).toMatchObject({ stream: 'SHOP', sequence: 1 });
    expect(stream.cachedInfo.created.getTime()).toBeGreaterThan(0);
    expect((await stream.info()).state.messages).toBe(1);
    expect(stream.cachedInfo.state.messages).toBe(1);
    expect(await bucket.put('k', 1)).toBe(1);
    expect((await bucket.status()).history).toBe(3);
    expect((await objects.putString('o', 'x')).size).toBe(1);
    const other = app.get<MessagePublisher<typeof noted>>(String(getPublisherToken(noted)));
    await other.publish({}, 1);
  });

  it('let a message of core NATS open the connection', async () => {
    const noted = defineMessage({ subject: 'lazy.notes', core: true });
    const nc = await connect({ servers: server.url });
    const received = nc.subscribe('lazy.notes', { max: 1 });
    await nc.flush();
    await using app = await startLazily(server.url, { feature: { messages: [noted] } });
    await app.get<MessagePublisher<typeof noted>>(String(getPublisherToken(noted))).publish({}, 'a');
    for await (const message of received) expect(message.json()).toBe('a');
    await nc.close();
  });

  it('fail the calls when they differ, until the cause is removed', async () => {
    const nc = await connect({ servers: server.url });
    await using owner = await startApplication(server.url, {
      feature: { streams: [{ name: 'STRICT', subjects: ['strict'], storage: 'memory' }] },
    });
    await using app = await startLazily(server.url, {
      feature: {
        streams: [
          { name: 'FINE', subjects: ['fine'], storage: 'memory' },
          { name: 'STRICT', subjects: ['strict'], storage: 'memory', maxAge: 60_000, provisioning: 'assert' },
        ],
      },
    });
    const before = await accepted(server);
    await expect(app.jetstream.publish('fine', 1)).rejects.toBeInstanceOf(ConfigMismatchError);
    await expect(app.jetstream.rtt()).rejects.toBeInstanceOf(ConfigMismatchError);
    expect(app.jetstream.status.state).toBe('connected');
    await owner.app
      .get(JetStreamService)
      .updateStream({ name: 'STRICT', subjects: ['strict'], storage: 'memory', maxAge: 60_000 });
    expect(await app.jetstream.publish('fine', 1)).toMatchObject({ stream: 'FINE' });
    expect((await accepted(server)) - before).toBe(1);
    const { bootSummaries } = app.get(Handlers);
    expect(bootSummaries.flatMap(({ resources }) => resources)).toMatchObject([
      { name: 'FINE', outcome: 'created' },
      { name: 'STRICT', outcome: 'unchanged' },
    ]);
    await nc.close();
  });

  it('may be used while other providers are created', async () => {
    @Injectable()
    class Early implements OnModuleInit {
      sequence: number | undefined;

      constructor(@Inject(JetStreamService) private readonly jetstream: JetStreamService) {}

      async onModuleInit(): Promise<void> {
        this.sequence = (await this.jetstream.publish('early', 1)).sequence;
      }

      @JsConsumer({ stream: 'EARLY', durable: 'early' })
      onEarly(): void {}
    }
    await using app = await startLazily(server.url, {
      feature: { streams: [{ name: 'EARLY', subjects: ['early'], storage: 'memory' }] },
      providers: [Early],
    });
    expect(app.get(Early).sequence).toBe(1);
    // Handlers do not depend on what opened the connection.
    expect(app.get(Handlers).list()).toMatchObject([{ status: 'stopped', notStarted: 'connect' }]);
    expect(app.get(Handlers).bootSummaries).toMatchObject([{ connection: 'default' }]);
  });
});

describe('a connection that is not open', () => {
  it('is up and stays closed when it is checked, measured or inspected', async () => {
    const registry = new Registry();
    await using app = await startLazily(server.url, {
      imports: [JetStreamHealthModule, JetStreamMetricsModule.forRoot({ registry })],
      feature: { streams: [ORDERS] },
    });
    const before = await accepted(server);
    const health = app.get(JetStreamHealth);
    expect(await health.connection()).toMatchObject({
      status: 'up',
      connections: [{ state: 'unopened', message: UNOPENED }],
    });
    expect(await health.handlers()).toMatchObject({ status: 'up' });
    expect(await health.resources({ streams: ['ORDERS'], usedStorage: 0.9 })).toMatchObject({ status: 'up' });
    expect(health.liveness()).toMatchObject({ status: 'up' });
    expect(await registry.metrics()).toMatch(/connection_state\{[^}]*state="unopened"[^}]*\} 1/);
    expect(app.jetstream.publishAsyncPending).toBe(0);
    await app.jetstream.publishAsyncComplete();
    expect(await accepted(server)).toBe(before);
    await app.jetstream.rtt();
    expect(await health.connection()).toMatchObject({ status: 'up', connections: [{ state: 'connected' }] });
    expect(await registry.metrics()).toMatch(/connection_state\{[^}]*state="unopened"[^}]*\} 0/);
  });

  it('refuses what cannot wait', async () => {
    await using app = await startLazily(server.url);
    const nc = app.get<NatsConnection>(String(getNatsConnectionToken()));
    for (const call of [() => nc.publish('a'), () => nc.subscribe('a')]) {
      expect(call).toThrow(NotConnectedError);
      expect(call).toThrow("connect: 'lazy'");
    }
    expect(nc.info).toBeUndefined();
    const statuses = nc.status()[Symbol.asyncIterator]();
    const next = statuses.next();
    await nc.flush();
    expect(nc.info?.port).toBe(server.port);
    const subscription = nc.subscribe('lazy.echo', { callback: (_, message) => void message.respond('yes') });
    expect((await nc.request('lazy.echo')).string()).toBe('yes');
    subscription.unsubscribe();
    await server.restart();
    expect(await next).toMatchObject({ done: false });
  });

  it('logs nothing at startup, and the summary when it is opened', async () => {
    await using app = await startLazily(server.url, { feature: { streams: [ORDERS] } });
    expect(app.logs.of('log', 'NatsConnection')).toEqual([]);
    expect(app.logs.of('log', 'JetStreamModule')).toEqual([]);
    const events: JetStreamEvent[] = [];
    app.get(JetStreamEvents).all.subscribe((event) => events.push(event));
    await app.jetstream.rtt();
    await eventually(
      () => app.logs.of('log', 'JetStreamModule'),
      (lines) => lines.length === 1 && lines[0].includes('ORDERS'),
    );
    expect(app.logs.of('log', 'NatsConnection').join()).toContain('connected to');
    expect(events).toMatchObject([{ type: 'connected', connection: 'default' }]);
  });
});

describe('handlers', () => {
  it('are started by a command, which opens the connection', async () => {
    const received: unknown[] = [];
    @Injectable()
    class Work {
      @JsConsumer({ stream: 'WORK', durable: 'work' })
      onWork(@Payload() work: unknown): void {
        received.push(work);
      }

      @KvWatch('work')
      onSetting(): void {}

      onBound(): void {}
    }
    await using app = await startLazily(server.url, {
      feature: {
        streams: [{ name: 'WORK', subjects: ['work'], storage: 'memory' }],
        keyValues: [{ bucket: 'work', storage: 'memory' }],
      },
      providers: [Work],
    });
    const handlers = app.get(Handlers);
    const before = await accepted(server);
    expect(handlers.list()).toMatchObject([
      { handler: 'Work.onWork', status: 'stopped', notStarted: 'connect', connected: false },
      { handler: 'Work.onSetting', status: 'stopped', notStarted: 'connect', connected: false },
    ]);
    await handlers.start();
    expect((await accepted(server)) - before).toBe(1);
    expect(handlers.list().map(({ status }) => status)).toEqual(['running', 'running']);
    await app.jetstream.publish('work', 1);
    await eventually(
      () => received,
      (all) => all.length === 1,
    );
  });

  it('report a missing server, and start later', async () => {
    @Injectable()
    class Work {
      @JsConsumer({ stream: 'LATER', durable: 'later' })
      onWork(): void {}

      onBound(): void {}
    }
    await using late = await NatsTestServer.start();
    await late.kill();
    await using app = await startLazily(late.url, {
      feature: { streams: [{ name: 'LATER', subjects: ['later'], storage: 'memory' }] },
      providers: [Work],
    });
    const handlers = app.get(Handlers);
    const bind = () => handlers.bind(app.get(Work), 'onBound', { subscribe: { subject: 'later.bound' } });
    await expect(handlers.start()).rejects.toBeInstanceOf(ConnectionFailedError);
    await expect(handlers.start('Work.onWork')).rejects.toBeInstanceOf(ConnectionFailedError);
    await expect(bind()).rejects.toBeInstanceOf(ConnectionFailedError);
    await late.restart();
    const bound = await bind();
    expect(bound.state.status).toBe('running');
    await handlers.start();
    expect(handlers.get('Work.onWork').status).toBe('running');
  });

  it('are checked at the startup as far as possible', async () => {
    @Injectable()
    class Wrong {
      @JsConsumer({ stream: 'WORK', durable: 'wrong', concurrency: 0 })
      onWork(): void {}
    }
    await expect(startLazily(NOWHERE, { providers: [Wrong] })).rejects.toBeInstanceOf(
      HandlerConfigurationError,
    );
  });

  it('of schedules run after their start, and their service opens the connection', async () => {
    const runs: string[] = [];
    @Injectable()
    class Reports {
      @JsSchedule('@yearly', { name: 'yearly', stream: { name: 'LAZY_SCHEDULES', storage: 'memory' } })
      yearly(): void {
        runs.push('yearly');
      }
    }
    await using app = await startLazily(server.url, { providers: [Reports] });
    expect(await app.get(Schedules).list()).toEqual([]);
    expect(app.jetstream.status.state).toBe('connected');
    await app.get(Handlers).start();
    await app.get(Schedules).runNow('yearly');
    await eventually(
      () => runs,
      (all) => all.length === 1,
    );
  });
});

describe('a process', () => {
  it.each([
    ['unused', () => server.url, []],
    ['refused', () => NOWHERE, ['ConnectionFailedError']],
    ['closed', () => server.url, ['published']],
  ])('ends by itself: %s', async (kind, url, printed) => {
    await using application = await BundledModule.of(new URL('./fixtures/lazy-process.ts', import.meta.url));
    const before = await accepted(server);
    await using child = new ModuleProcess(application.url, kind, url());
    await child.ended(25_000);
    expect(child.lines).toEqual(['started', ...printed, 'exits with 0']);
    expect((await accepted(server)) - before).toBe(kind === 'closed' ? 1 : 0);
  });
});

describe('other parts', () => {
  it('take part in an election, which opens the connection', async () => {
    await using app = await startLazily(server.url, {
      feature: { keyValues: [{ bucket: 'elections', storage: 'memory' }] },
    });
    const bucket = app.get<KeyValue>(String(getKeyValueToken('elections')));
    await using election = bucket.elect('leader', { name: 'me' });
    expect(await eventually(() => election.isLeader, Boolean)).toBe(true);
    expect(await election.leader()).toBe('me');
    expect(app.logs.of('warn')).toEqual([]);
  });

  it('close the source of an object if there is no server', async () => {
    await using app = await startLazily(NOWHERE, {
      feature: { objectStores: [{ bucket: 'files' }] },
    });
    const source = Readable.from(['x']);
    const objects = app.get<ObjectStore>(String(getObjectStoreToken('files')));
    await expect(objects.put('o', source)).rejects.toBeInstanceOf(ConnectionFailedError);
    await eventually(() => source.destroyed, Boolean);
  });

  it('find the instance after the opening', async () => {
    await using app = await startLazily(server.url, {
      options: { discovery: { name: 'lazy-service', version: '1.0.0' } },
    });
    await using observer = await startApplication(server.url, {});
    const list = () => observer.app.get(JetStreamInstances).list({ name: 'lazy-service', timeout: 500 });
    expect((await list()).instances).toEqual([]);
    await app.jetstream.rtt();
    await eventually(list, ({ instances }) => instances.length === 1);
    expect((await app.get(JetStreamInstances).list()).instances).toHaveLength(1);
  });

  it('serve and call microservices', async () => {
    await using app = await startLazily(server.url);
    const microservice = new JetStreamServer({ name: 'lazy-server', connection: app.jetstream });
    microservice.addHandler('lazy.double', async (value: number) => value * 2);
    const before = await accepted(server);
    await new Promise<void>((resolve, reject) => {
      void microservice.listen((error?: unknown) => (error instanceof Error ? reject(error) : resolve()));
    });
    await using caller = await startLazily(server.url);
    const client = new JetStreamClient({ connection: caller.jetstream });
    expect(await firstValueFrom(client.send('lazy.double', 4))).toBe(8);
    expect((await accepted(server)) - before).toBe(2);
    await client.close();
    await microservice.close();
    await using alone = await startLazily(NOWHERE);
    const other = new JetStreamClient({ connection: alone.jetstream });
    await expect(firstValueFrom(other.send('lazy.double', 4))).rejects.toBeInstanceOf(ConnectionFailedError);
    await other.close();
  });

  it('open an injected NatsConnection that they share', async () => {
    await using app = await startLazily(server.url);
    const connection = app.get<NatsConnection>(String(getNatsConnectionToken()));
    await using other = await startApplication(server.url, {
      imports: [JetStreamModule.forRoot({ name: 'sharing', connection })],
    });
    expect(app.jetstream.status.state).toBe('connected');
    expect(await other.app.get<JetStreamService>(String(getJetStreamToken('sharing'))).rtt()).toBeGreaterThan(
      0,
    );
  });

  it('work beside a connection that is opened at the startup, and with forRootAsync', async () => {
    const before = await accepted(server);
    @Module({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: server.url } }),
        JetStreamModule.forRootAsync({
          name: 'rare',
          useFactory: (): JetStreamModuleOptions => ({
            connection: { servers: server.url, name: 'rare' },
            connect: 'lazy',
          }),
        }),
        JetStreamModule.forFeature({
          connection: 'rare',
          streams: [{ name: 'RARE', subjects: ['rare'], storage: 'memory' }],
        }),
      ],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: new LogRecorder() });
    expect((await accepted(server)) - before).toBe(1);
    expect(app.get(JetStreamService).status.state).toBe('connected');
    const rare = app.get<JetStreamService>(String(getJetStreamToken('rare')));
    expect(rare).toBeInstanceOf(JetStreamService);
    expect(await rare.publish('rare', 1)).toMatchObject({ stream: 'RARE' });
    expect((await accepted(server)) - before).toBe(2);
    await app.close();
  });
});

describe('the option', () => {
  it.each([{ connect: 'later' }, { connect: 1 }, { connect: '' }])('refuses %o', async (options) => {
    const created = Test.createTestingModule({
      imports: [JetStreamModule.forRoot(options as unknown as JetStreamModuleOptions)],
    }).setLogger(new LogRecorder());
    await expect(created.compile()).rejects.toThrow("true, false or 'lazy'");
  });

  it('refuses a connection that is open already', async () => {
    const connection = await connect({ servers: server.url });
    await expect(startLazily(server.url, { options: { connection } })).rejects.toThrow(
      'which is open already',
    );
    await connection.close();
  });

  it('refuses addresses that no attempt can use, at the startup', async () => {
    await expect(startLazily('http://localhost')).rejects.toBeInstanceOf(ConnectionFailedError);
  });

  it('does not affect an environment that forbids to connect', async () => {
    process.env.JETSTREAM_CONNECT = 'false';
    try {
      await using app = await startLazily(server.url);
      await expect(app.jetstream.publish('a', 1)).rejects.toBeInstanceOf(NotConnectedError);
    } finally {
      delete process.env.JETSTREAM_CONNECT;
    }
  });
});
