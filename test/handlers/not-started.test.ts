import { Inject, Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  type HandlerEnabled,
  HandlerConfigurationError,
  Handlers,
  JetStreamEvents,
  type JetStreamModuleOptions,
  JetStreamService,
  JsConsumer,
  JsHandler,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  ObjectStoreService,
  ObjectWatch,
  OnDeadLetter,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const CONFIG = 'CONFIG';
interface Config {
  worker: boolean;
}

/** A module whose provider decides whether handlers run. */
function configured(config: Config) {
  @Module({ providers: [{ provide: CONFIG, useValue: config }], exports: [CONFIG] })
  class ConfigModule {}
  return ConfigModule;
}

const asConfigured: HandlerEnabled = { inject: [CONFIG], useFactory: ({ worker }: Config) => worker };

let handled: string[] = [];

/** One handler of each form, all with the same value of `enabled`. */
function handlersOf(enabled: HandlerEnabled | undefined) {
  @Injectable()
  class All {
    @JsConsumer({ stream: 'TASKS', durable: 'tasks', filterSubjects: 'tasks.one', enabled })
    onTask(): void {
      handled.push('task');
    }
    @JsConsumer({ stream: 'TASKS', ordered: true, filterSubjects: 'tasks.one', enabled })
    onOrdered(): void {
      handled.push('ordered');
    }
    @KvWatch('stock', { enabled })
    onStock(): void {
      handled.push('stock');
    }
    @ObjectWatch('files', { enabled })
    onFile(): void {
      handled.push('file');
    }
    @NatsSubscribe('notes', { enabled })
    onNote(): void {
      handled.push('note');
    }
    @OnDeadLetter({ deliverPolicy: 'all', enabled })
    onDeadLetter(): void {
      handled.push('dead letter');
    }
  }
  @Injectable()
  @JsConsumer({ stream: 'TASKS', durable: 'routed', enabled })
  class Routed {
    @JsHandler('tasks.two')
    onTwo(): void {
      handled.push('two');
    }
  }
  return [All, Routed];
}

const NAMES = [
  'All.onTask',
  'All.onOrdered',
  'All.onDeadLetter',
  'Routed',
  'All.onStock',
  'All.onFile',
  'All.onNote',
];

describe('handlers that are not started with the application', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    await using application = await startApplication(server.url, {
      feature: {
        streams: [{ name: 'TASKS', subjects: ['tasks.*'], storage: 'memory' }],
        keyValues: [{ bucket: 'stock', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
    });
    await application.app.get(KeyValueService).open('stock');
  });
  afterAll(() => server.stop());
  beforeEach(() => (handled = []));

  async function start(
    enabled: HandlerEnabled | undefined,
    options: Omit<JetStreamModuleOptions, 'connection'> = {},
    config: Config = { worker: false },
  ): Promise<TestApplication & { readonly handlers: Handlers }> {
    const application = await startApplication(server.url, {
      imports: [configured(config), JetStreamHealthModule],
      providers: handlersOf(enabled),
      options,
    });
    return { ...application, handlers: application.app.get(Handlers) };
  }

  /** The consumers of the stream, and whether the stream of dead letters exists. */
  async function onServer(application: TestApplication): Promise<{ consumers: string[]; streams: string[] }> {
    const jetstream = application.app.get(JetStreamService);
    const consumers: string[] = [];
    for (const stream of ['TASKS', 'KV_stock', 'OBJ_files'])
      for await (const name of (await jetstream.stream(stream)).consumerNames()) consumers.push(name);
    const streams: string[] = [];
    for await (const name of jetstream.streamNames()) streams.push(name);
    return { consumers: consumers.toSorted(), streams: streams.toSorted() };
  }

  async function clean(application: TestApplication): Promise<void> {
    const jetstream = application.app.get(JetStreamService);
    for (const stream of ['TASKS', 'KV_stock', 'OBJ_files']) {
      for await (const name of (await jetstream.stream(stream)).consumerNames())
        await jetstream.deleteConsumer(stream, name);
    }
    await jetstream.deleteStream('DEAD_LETTERS').catch(() => undefined);
  }

  async function send(application: TestApplication): Promise<void> {
    const { app } = application;
    const jetstream = app.get(JetStreamService);
    await jetstream.publish('tasks.one', 1);
    await jetstream.publish('tasks.two', 2);
    await (await app.get(KeyValueService).open('stock')).put('a', 1);
    await (await app.get(ObjectStoreService).open('files')).putString('f', 'x');
    jetstream.connection.nc.publish('notes', '1');
    await jetstream.connection.nc.flush();
  }

  const cases = [
    { what: 'autoStart: false', enabled: undefined, options: { handlers: { autoStart: false } } },
    { what: 'enabled: false', enabled: false, options: {} },
    { what: 'a factory of enabled', enabled: asConfigured, options: {} },
  ] as const;

  it.each(cases)('$what: nothing is created on the server', async ({ enabled, options }) => {
    await using application = await start(enabled, options);
    const reason = enabled === undefined ? 'autoStart' : 'enabled';
    expect(
      application.handlers
        .list()
        .map(
          ({ handler, status, notStarted, handled: count }) => `${handler} ${status} ${notStarted} ${count}`,
        )
        .toSorted(),
    ).toEqual(NAMES.map((name) => `${name} stopped ${reason} 0`).toSorted());
    expect(application.handlers.get('All.onTask')).toMatchObject({
      kind: 'consumer',
      connection: 'default',
      source: 'TASKS',
      consumer: '',
      delivery: 'pull',
      connected: true,
    });
    await send(application);
    expect(await onServer(application)).toEqual({
      consumers: [],
      streams: ['KV_stock', 'OBJ_files', 'TASKS'],
    });
    expect(handled).toEqual([]);
  });

  it.each(['All.onTask', 'All.onStock', 'All.onNote', 'Routed'])(
    'commands for %s before its start change nothing',
    async (name) => {
      await using application = await start(false);
      const { handlers, app } = application;
      const events: string[] = [];
      app.get(JetStreamEvents).all.subscribe(({ type }) => events.push(type));
      await handlers.pause(name);
      await handlers.resume(name);
      await handlers.stop(name);
      await handlers.idle(name);
      expect(handlers.get(name)).toMatchObject({ status: 'stopped', notStarted: 'enabled' });
      expect(events).toEqual([]);
    },
  );

  it('start by their names', async () => {
    await using application = await start(false);
    const { handlers, app } = application;
    const events: string[] = [];
    app.get(JetStreamEvents).all.subscribe((event) => {
      if (event.type === 'handler-started') events.push(event.handler);
    });
    for (const name of NAMES) await handlers.start(name);
    expect(events).toEqual(NAMES);
    for (const name of NAMES) {
      expect(handlers.get(name).status).toBe('running');
      expect(handlers.get(name)).not.toHaveProperty('notStarted');
    }
    await send(application);
    await eventually(
      () => [...new Set(handled)].toSorted(),
      ({ length }) => length === 6,
    );
    await handlers.stop('All.onTask');
    expect(handlers.get('All.onTask')).not.toHaveProperty('notStarted');
    await clean(application);
  });

  it('start together without a name, except those that are not enabled', async () => {
    @Injectable()
    class Mixed {
      @JsConsumer({ stream: 'TASKS', durable: 'on' })
      on(): void {}
      @JsConsumer({ stream: 'TASKS', durable: 'off', enabled: false })
      off(): void {}
      @NatsSubscribe('notes')
      note(): void {}
    }
    await using application = await startApplication(server.url, {
      providers: [Mixed],
      options: { handlers: { autoStart: false } },
    });
    const handlers = application.app.get(Handlers);
    const status = () =>
      Object.fromEntries(
        handlers.list().map(({ handler, status: now, notStarted }) => [handler, notStarted ?? now]),
      );
    expect(status()).toEqual({ 'Mixed.on': 'autoStart', 'Mixed.off': 'enabled', 'Mixed.note': 'autoStart' });
    await handlers.start();
    expect(status()).toEqual({ 'Mixed.on': 'running', 'Mixed.off': 'enabled', 'Mixed.note': 'running' });
    await handlers.stop('Mixed.on');
    await handlers.start();
    expect(status()).toEqual({ 'Mixed.on': 'running', 'Mixed.off': 'enabled', 'Mixed.note': 'running' });
    await clean(application);
  });

  it('a factory of enabled that returns true starts its handler', async () => {
    await using application = await start(asConfigured, {}, { worker: true });
    expect(application.handlers.list().map(({ status }) => status)).toEqual(NAMES.map(() => 'running'));
    await clean(application);
  });

  it('options that a factory or a name provides may contain enabled', async () => {
    @Injectable()
    class Made {
      @JsConsumer({
        inject: [CONFIG],
        useFactory: ({ worker }: Config) => ({ stream: 'TASKS', durable: 'made', enabled: worker }),
      })
      made(): void {}
      @JsConsumer('named')
      named(): void {}
      @KvWatch({
        inject: [CONFIG],
        useFactory: ({ worker }: Config) => ({ bucket: 'stock', enabled: worker }),
      })
      watch(): void {}
    }
    await using application = await startApplication(server.url, {
      imports: [configured({ worker: false })],
      providers: [Made],
      options: { handlers: { consumers: { named: { stream: 'TASKS', durable: 'named', enabled: false } } } },
    });
    const handlers = application.app.get(Handlers);
    expect(handlers.list().map(({ notStarted }) => notStarted)).toEqual(Array(3).fill('enabled'));
    await handlers.start('Made.made');
    await handlers.start('Made.watch');
    expect(handlers.get('Made.made')).toMatchObject({ status: 'running', consumer: 'made' });
    expect(handlers.get('Made.watch')).toMatchObject({ status: 'running', source: 'stock' });
    await clean(application);
  });

  it('their options are checked', async () => {
    @Injectable()
    class Wrong {
      @JsConsumer({ stream: 'TASKS', durable: 'wrong', enabled: false, ackWait: 1 })
      wait(): void {}
      @JsConsumer({ stream: 'TASKS', durable: 'twice', enabled: false })
      first(): void {}
      @JsConsumer({ stream: 'TASKS', durable: 'twice' })
      second(): void {}
      @JsConsumer({ stream: 'TASKS', durable: 'typed', enabled: 'no' as unknown as boolean })
      typed(): void {}
      @NatsSubscribe('notes', { enabled: { useFactory: () => 1 as unknown as boolean } })
      made(): void {}
      @KvWatch('stock', { enabled: { inject: ['NOWHERE'], useFactory: () => true } })
      lost(): void {}
    }
    const error: unknown = await startApplication(server.url, { providers: [Wrong] }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    const { problems } = error as HandlerConfigurationError;
    expect(problems.map(({ handler }) => handler).toSorted()).toEqual([
      'Wrong.lost',
      'Wrong.made',
      'Wrong.second',
      'Wrong.typed',
      'Wrong.wait',
    ]);
    const of = (name: string) => problems.find(({ handler }) => handler === name)?.problem;
    expect(of('Wrong.typed')).toContain('enabled');
    expect(of('Wrong.made')).toContain('must return true or false, but returned 1');
    expect(of('Wrong.lost')).toContain('its option enabled cannot be read');
  });

  it('what only the server knows is checked at the first start', async () => {
    @Injectable()
    class Elsewhere {
      @JsConsumer({ stream: 'LATER', durable: 'later', enabled: false })
      later(): void {
        handled.push('later');
      }
      @KvWatch('later', { enabled: false })
      watch(): void {}
    }
    await using application = await startApplication(server.url, { providers: [Elsewhere] });
    const handlers = application.app.get(Handlers);
    await expect(handlers.start('Elsewhere.later')).rejects.toThrow(
      /Elsewhere\.later: there is no stream "LATER"/,
    );
    await expect(handlers.start('Elsewhere.watch')).rejects.toThrow(/there is no bucket "later"/);
    expect(handlers.get('Elsewhere.later')).toMatchObject({ status: 'stopped', notStarted: 'enabled' });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.createStream({ name: 'LATER', subjects: ['later'], storage: 'memory' });
    await handlers.start('Elsewhere.later');
    await jetstream.publish('later', 1);
    await eventually(
      () => handled,
      (all) => all.includes('later'),
    );
    await jetstream.deleteStream('LATER');
  });

  it('what a handler needs besides its consumer is created at its first start', async () => {
    @Injectable()
    class Careful {
      @JsConsumer({
        stream: 'TASKS',
        durable: 'careful',
        filterSubjects: 'tasks.careful',
        deadLetter: true,
        idempotent: { bucket: 'careful', key: 'Id' },
        enabled: false,
      })
      on(): never {
        throw new TerminateMessage('never');
      }
    }
    await using application = await startApplication(server.url, { providers: [Careful] });
    const jetstream = application.app.get(JetStreamService);
    const streams = async (): Promise<string[]> => {
      const names: string[] = [];
      for await (const name of jetstream.streamNames()) names.push(name);
      return names;
    };
    expect(await streams()).not.toContain('KV_careful');
    expect(await streams()).not.toContain('DEAD_LETTERS');
    await application.app.get(Handlers).start('Careful.on');
    expect(await streams()).toEqual(expect.arrayContaining(['KV_careful', 'DEAD_LETTERS']));
    await jetstream.publish('tasks.careful', 1, { headers: { Id: '1' } });
    await eventually(
      async () => (await (await jetstream.stream('DEAD_LETTERS')).info()).state.messages,
      (messages) => messages === 1,
    );
    await clean(application);
    await jetstream.deleteStream('KV_careful');
    await jetstream.deleteStream('DEAD_LETTER_ADVISORIES');
  });

  it('start() reports every handler that cannot start, after it has started the others', async () => {
    @Injectable()
    class Several {
      @JsConsumer({ stream: 'TASKS', durable: 'several' })
      good(): void {}
      @JsConsumer({ stream: 'NOT_THERE', durable: 'a' })
      bad(): void {}
      @KvWatch('not-there')
      worse(): void {}
    }
    await using application = await startApplication(server.url, {
      providers: [Several],
      options: { handlers: { autoStart: false } },
    });
    const handlers = application.app.get(Handlers);
    const error: unknown = await handlers.start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    expect((error as HandlerConfigurationError).problems.map(({ handler }) => handler)).toEqual([
      'Several.bad',
      'Several.worse',
    ]);
    expect(handlers.get('Several.good').status).toBe('running');
    await clean(application);
  });

  it('a stop supersedes a start in progress, and a later start works', async () => {
    await using application = await start(false);
    const { handlers } = application;
    await Promise.all([handlers.start('All.onTask'), handlers.stop('All.onTask')]);
    expect(handlers.get('All.onTask').status).toBe('stopped');
    await Promise.all([
      handlers.stop('All.onTask'),
      handlers.start('All.onTask'),
      handlers.start('All.onTask'),
    ]);
    expect(handlers.get('All.onTask').status).toBe('running');
    await clean(application);
  });

  it('do not count in health checks, and readiness does not wait for them', async () => {
    await using application = await start(undefined, { handlers: { autoStart: false } });
    const report = await application.app.get(JetStreamHealth).handlers({ maxPending: 0 });
    expect(report.status).toBe('up');
    expect(report.handlers.map(({ status, state }) => [status, state])).toEqual(
      NAMES.map(() => ['up', 'stopped']),
    );
  });

  it('need no permission for their streams', async () => {
    await using guarded = await NatsTestServer.start({
      users: [{ user: 'web', permissions: { publish: { allow: ['tasks.>'] }, subscribe: '_INBOX.>' } }],
      noAuthUser: 'web',
    });
    await using application = await startApplication(guarded.url, {
      providers: handlersOf(undefined),
      options: { handlers: { autoStart: false } },
    });
    expect(application.logs.of('error')).toEqual([]);
    expect(application.logs.of('warn')).toEqual([]);
    expect(application.app.get(Handlers).list()).toHaveLength(NAMES.length);
  });

  it('apply to one of several connections', async () => {
    @Injectable()
    class Two {
      constructor(@Inject(Handlers) readonly handlers: Handlers) {}
      @NatsSubscribe('first')
      first(@Payload() _: unknown): void {}
      @NatsSubscribe('second', { connection: 'second' })
      second(@Payload() _: unknown): void {}
    }
    const { JetStreamModule } = await import('nestjs-nats-jetstream');
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forRoot({
          name: 'second',
          connection: { servers: server.url },
          handlers: { autoStart: false },
        }),
      ],
      providers: [Two],
    });
    const { handlers } = application.app.get(Two);
    expect(handlers.get('Two.first').status).toBe('running');
    expect(handlers.get('Two.second').notStarted).toBe('autoStart');
  });

  it('cannot be started before the application has started, or after it was closed', async () => {
    let atInit: Promise<unknown> | undefined;
    @Injectable()
    class Early {
      constructor(@Inject(Handlers) readonly handlers: Handlers) {}
      onApplicationBootstrap(): void {
        atInit = this.handlers.start().catch((error: unknown) => error);
      }
    }
    const application = await startApplication(server.url, { providers: [Early] });
    expect(await atInit).toMatchObject({ name: 'ApplicationNotRunningError', closed: false });
    const handlers = application.app.get(Handlers);
    await application.app.close();
    await expect(handlers.start()).rejects.toMatchObject({
      name: 'ApplicationNotRunningError',
      closed: true,
    });
  });

  it('subscribe nothing: the server shows one subscription for replies at most', async () => {
    await using application = await start(false);
    const nc = await connect({ servers: server.url });
    const before = await subscriptions(
      server,
      application.app.get(JetStreamService).connection.nc.info?.client_id,
    );
    expect(before).not.toContain('notes');
    await application.handlers.start('All.onNote');
    const after = await subscriptions(
      server,
      application.app.get(JetStreamService).connection.nc.info?.client_id,
    );
    expect(after).toContain('notes');
    await nc.close();
  });
});

async function subscriptions(server: NatsTestServer, client: number | undefined): Promise<string[]> {
  const page = await fetch(`${server.monitoringUrl}/connz?subs=true&cid=${client}`);
  const { connections } = (await page.json()) as { connections: { subscriptions_list?: string[] }[] };
  return connections[0]?.subscriptions_list ?? [];
}
