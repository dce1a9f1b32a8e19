import {
  type CallHandler,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  ParseIntPipe,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, REQUEST } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  type BindOptions,
  type BoundHandler,
  HandlerConfigurationError,
  Handlers,
  ApplicationNotRunningError,
  InvalidArgumentError,
  JetStreamContext,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  NotConnectedError,
  ObjectStoreService,
} from 'nestjs-nats-jetstream';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import type { Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { RecordingInstrument } from '../support/recording-instrument.js';

let handled: unknown[] = [];

@Injectable()
class Feeds {
  constructor(@Inject(Handlers) readonly handlers: Handlers) {}

  /** Without any decorator. */
  on(payload: unknown): void {
    handled.push(payload);
  }

  other(payload: unknown): void {
    handled.push(payload);
  }

  @JsConsumer({ stream: 'TASKS', durable: 'declared', filterSubjects: 'tasks.declared' })
  declared(payload: unknown): void {
    handled.push(payload);
  }
}

describe('Handlers.bind', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => (handled = []));

  async function start(
    metadata: Omit<Parameters<typeof startApplication>[1], 'feature'> = {},
    url = server.url,
  ): Promise<TestApplication & { readonly handlers: Handlers; readonly feeds: Feeds }> {
    const application = await startApplication(url, {
      ...metadata,
      providers: [Feeds, ...(metadata.providers ?? [])],
      feature: {
        streams: [{ name: 'TASKS', subjects: ['tasks.*'], storage: 'memory' }],
        keyValues: [{ bucket: 'stock', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
    });
    return { ...application, handlers: application.app.get(Handlers), feeds: application.app.get(Feeds) };
  }

  async function consumers(application: TestApplication, stream = 'TASKS'): Promise<string[]> {
    const names: string[] = [];
    for await (const name of application.app.get(JetStreamService).consumerNames(stream)) names.push(name);
    return names.toSorted();
  }

  const forms: readonly {
    readonly form: string;
    readonly options: BindOptions;
    readonly state: object;
    readonly send: (application: TestApplication) => Promise<unknown>;
    readonly expected: unknown;
  }[] = [
    {
      form: 'a durable consumer',
      options: {
        consumer: { stream: 'TASKS', durable: 'bound', filterSubjects: 'tasks.a', deliverPolicy: 'new' },
      },
      state: { kind: 'consumer', source: 'TASKS', consumer: 'bound', delivery: 'pull' },
      send: ({ app }) => app.get(JetStreamService).publish('tasks.a', 1),
      expected: 1,
    },
    {
      form: 'a consumer without a name',
      options: { consumer: { stream: 'TASKS', filterSubjects: 'tasks.a', deliverPolicy: 'new' } },
      state: { kind: 'consumer', source: 'TASKS', delivery: 'pull' },
      send: ({ app }) => app.get(JetStreamService).publish('tasks.a', 2),
      expected: 2,
    },
    {
      form: 'an ordered consumer',
      options: {
        consumer: { stream: 'TASKS', ordered: true, filterSubjects: 'tasks.a', deliverPolicy: 'new' },
      },
      state: { kind: 'consumer', source: 'TASKS', delivery: 'ordered' },
      send: ({ app }) => app.get(JetStreamService).publish('tasks.a', 3),
      expected: 3,
    },
    {
      form: 'a push consumer',
      options: { consumer: { stream: 'TASKS', push: {}, filterSubjects: 'tasks.a', deliverPolicy: 'new' } },
      state: { kind: 'consumer', source: 'TASKS', delivery: 'push' },
      send: ({ app }) => app.get(JetStreamService).publish('tasks.a', 4),
      expected: 4,
    },
    {
      form: 'a bucket',
      options: { kvWatch: { bucket: 'stock', keys: 'a', updatesOnly: true } },
      state: { kind: 'kv-watch', source: 'stock' },
      send: async ({ app }) => (await app.get(KeyValueService).open('stock')).put('a', 5),
      expected: 5,
    },
    {
      form: 'an object store',
      options: { objectWatch: { bucket: 'files', updatesOnly: true } },
      state: { kind: 'object-watch', source: 'files' },
      send: async ({ app }) => (await app.get(ObjectStoreService).open('files')).putString('f', 'x'),
      expected: expect.objectContaining({ name: 'f' }),
    },
    {
      form: 'a subject',
      options: { subscribe: { subject: 'prices.*' } },
      state: { kind: 'subscription', source: 'prices.*' },
      send: async ({ app }) => {
        const { nc } = app.get(JetStreamService).connection;
        nc.publish('prices.a', '7');
        await nc.flush();
      },
      expected: 7,
    },
  ];

  it.each(forms)(
    '$form: handles, can be controlled, and leaves nothing',
    async ({ options, state, send, expected }) => {
      await using application = await start();
      const { handlers, feeds } = application;
      const before = await consumers(application);
      const bound = await handlers.bind(feeds, 'on', options);
      expect(bound.name).toBe('Feeds.on');
      expect(bound.state).toMatchObject({ handler: 'Feeds.on', status: 'running', ...state });
      expect(handlers.get('Feeds.on')).toMatchObject(state);
      await send(application);
      await eventually(
        () => handled,
        ({ length }) => length > 0,
      );
      expect(handled).toEqual([expected]);
      await handlers.pause(bound.name);
      expect(bound.state.status).toBe('paused');
      await handlers.resume(bound.name);
      expect(bound.state.status).toBe('running');
      await bound.stop();
      expect(bound.state.status).toBe('stopped');
      expect(handlers.list().map(({ handler }) => handler)).toEqual(['Feeds.declared']);
      const kept = 'consumer' in state && typeof state.consumer === 'string' ? [state.consumer] : [];
      expect(await consumers(application)).toEqual([...before, ...kept].toSorted());
      for (const name of kept) await application.app.get(JetStreamService).deleteConsumer('TASKS', name);
      for (const stream of ['KV_stock', 'OBJ_files'])
        expect(await consumers(application, stream)).toEqual([]);
    },
  );

  it('names several handlers of one method, and uses names again', async () => {
    await using application = await start();
    const { handlers, feeds } = application;
    const bind = (subject: string): Promise<BoundHandler> =>
      handlers.bind(feeds, 'on', { subscribe: { subject } });
    const [first, second, third] = await Promise.all([bind('a'), bind('b'), bind('c')]);
    expect([first.name, second.name, third.name]).toEqual(['Feeds.on', 'Feeds.on#2', 'Feeds.on#3']);
    await second.stop();
    const again = await bind('d');
    expect(again.name).toBe('Feeds.on#2');
    expect(handlers.get('Feeds.on#2').source).toBe('d');
    const declared = await handlers.bind(feeds, 'declared', { subscribe: { subject: 'e' } });
    expect(declared.name).toBe('Feeds.declared#2');
    await Promise.all([first, third, again, declared].map((bound) => bound.stop()));
  });

  it('stops once, also by await using', async () => {
    await using application = await start();
    const { handlers, feeds, app } = application;
    const events: string[] = [];
    app.get(JetStreamEvents).all.subscribe((event) => {
      if ('handler' in event) events.push(`${event.type} ${event.handler}`);
    });
    let kept: BoundHandler | undefined;
    {
      await using bound = await handlers.bind(feeds, 'on', { subscribe: { subject: 'a' } });
      kept = bound;
      expect(bound.stop()).toBe(bound.stop());
    }
    await kept.stop();
    expect(events).toEqual(['handler-started Feeds.on', 'handler-stopped Feeds.on']);
  });

  it('waits for messages in flight when it stops', async () => {
    let release = (): void => undefined;
    @Injectable()
    class Slow {
      async on(payload: unknown): Promise<void> {
        await new Promise<void>((resolve) => (release = resolve));
        handled.push(payload);
      }
    }
    await using application = await start({ providers: [Slow] });
    const { handlers, app } = application;
    const bound = await handlers.bind(app.get(Slow), 'on', {
      consumer: { stream: 'TASKS', filterSubjects: 'tasks.slow' },
    });
    await app.get(JetStreamService).publish('tasks.slow', 4);
    await eventually(
      () => bound.state.running,
      (running) => running === 1,
    );
    const stopped = bound.stop();
    release();
    await stopped;
    expect(handled).toEqual([4]);
  });

  it('runs guards, pipes, interceptors, filters and instruments', async () => {
    const steps: string[] = [];
    @Injectable()
    class Guard {
      canActivate(context: ExecutionContext): boolean {
        steps.push(`guard ${context.getClass().name}.${context.getHandler().name}`);
        return context.switchToRpc().getData<string>() !== '"refused"';
      }
    }
    @Injectable()
    class Around implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
        steps.push('interceptor');
        return next.handle();
      }
    }
    @Catch()
    class Filter implements ExceptionFilter {
      catch(error: Error): string {
        steps.push(`filter ${error.message}`);
        return 'handled';
      }
    }
    @Injectable()
    @UseGuards(Guard)
    class Piped {
      @UseInterceptors(Around)
      @UseFilters(Filter)
      on(@Payload(ParseIntPipe) number: number, @Ctx() context: JetStreamContext): void {
        steps.push(`method ${typeof number} ${context.subject}`);
        if (number === 13) throw new Error('unlucky');
      }
    }
    const instrument = new RecordingInstrument();
    await using application = await start({
      providers: [Piped],
      options: { instruments: [instrument] },
    });
    const { handlers, app } = application;
    const bound = await handlers.bind(app.get(Piped), 'on', {
      consumer: { stream: 'TASKS', filterSubjects: 'tasks.piped' },
    });
    const jetstream = app.get(JetStreamService);
    await jetstream.publish('tasks.piped', '12');
    await jetstream.publish('tasks.piped', '13');
    await eventually(
      () => bound.state.handled,
      (count) => count === 2,
    );
    expect(steps).toEqual([
      'guard Piped.on',
      'interceptor',
      'method number tasks.piped',
      'guard Piped.on',
      'interceptor',
      'method number tasks.piped',
      'filter unlucky',
    ]);
    await eventually(
      () => instrument.outcomes('Piped.on'),
      ({ length }) => length === 2,
    );
    expect(instrument.handlers.find(({ handler }) => handler === 'Piped.on')).toMatchObject({
      form: 'consumer',
      source: 'TASKS',
      patterns: ['tasks.piped'],
    });
    await bound.stop();
  });

  it('appears in metrics and health checks while it runs', async () => {
    const registry = new Registry();
    await using application = await start({
      imports: [JetStreamHealthModule, JetStreamMetricsModule.forRoot({ registry })],
    });
    const { handlers, feeds, app } = application;
    const bound = await handlers.bind(feeds, 'on', { subscribe: { subject: 'metrics' } });
    const health = (): Promise<string[]> =>
      app
        .get(JetStreamHealth)
        .handlers()
        .then((report) => report.handlers.map(({ handler }) => handler));
    expect(await health()).toContain('Feeds.on');
    expect(await registry.metrics()).toContain('handler="Feeds.on"');
    await bound.stop();
    expect(await health()).not.toContain('Feeds.on');
  });

  it('survives a restart of the server', async () => {
    await using own = await NatsTestServer.start();
    await using application = await start({ options: {}, connection: { reconnectTimeWait: 20 } }, own.url);
    const { handlers, feeds, app } = application;
    const consumer = await handlers.bind(feeds, 'on', {
      consumer: { stream: 'TASKS', filterSubjects: 'tasks.restart', deliverPolicy: 'new' },
    });
    const subscription = await handlers.bind(feeds, 'other', { subscribe: { subject: 'restart' } });
    await own.restart();
    const jetstream = app.get(JetStreamService);
    await eventually(
      () => jetstream.status.state,
      (state) => state === 'connected',
    );
    await eventually(
      () => consumer.state.status,
      (status) => status === 'running',
      30_000,
    );
    await eventually(
      async () => {
        await jetstream.publish('tasks.restart', 1).catch(() => undefined);
        jetstream.connection.nc.publish('restart', '2');
        return new Set(handled).size;
      },
      (size) => size === 2,
      30_000,
    );
    expect(subscription.state.status).toBe('running');
    await consumer.stop();
    await subscription.stop();
  }, 60_000);

  it('is stopped with the application', async () => {
    const application = await start();
    const bound = await application.handlers.bind(application.feeds, 'on', {
      consumer: { stream: 'TASKS', filterSubjects: 'tasks.a' },
    });
    await application.app.close();
    expect(bound.state.status).toBe('stopped');
    await bound.stop();
    expect(application.logs.of('error')).toEqual([]);
  });

  it('is refused before the application has started, and after it was closed', async () => {
    let early: Promise<unknown> | undefined;
    @Injectable()
    class Early {
      constructor(@Inject(Handlers) readonly handlers: Handlers) {}
      onModuleInit(): void {
        early = this.handlers
          .bind(this, 'on', { subscribe: { subject: 'early' } })
          .catch((error: unknown) => error);
      }
      on(): void {}
    }
    const application = await start({ providers: [Early] });
    const error = await early;
    expect(error).toBeInstanceOf(ApplicationNotRunningError);
    expect(error).toMatchObject({ call: 'bind', target: 'on', closed: false });
    await application.app.close();
    await expect(
      application.handlers.bind(application.feeds, 'on', { subscribe: { subject: 'late' } }),
    ).rejects.toMatchObject({ name: 'ApplicationNotRunningError', closed: true });
  });

  it('is not left running if the application is closed meanwhile', async () => {
    const application = await start();
    const binding = application.handlers
      .bind(application.feeds, 'on', { consumer: { stream: 'TASKS', durable: 'meanwhile' } })
      .then(
        (bound) => bound.state.status,
        (error: unknown) => (error as Error).name,
      );
    await application.app.close();
    expect([
      'stopped',
      'ApplicationNotRunningError',
      'ConnectionClosedError',
      'HandlerConfigurationError',
    ]).toContain(await binding);
    expect(application.handlers.list().filter(({ status }) => status !== 'stopped')).toEqual([]);
  });

  describe('refuses', () => {
    const wrong: readonly [what: string, options: unknown, problem: RegExp][] = [
      ['no form', {}, /needs exactly one of consumer, kvWatch, objectWatch, subscribe, and found none/],
      ['null', null, /needs exactly one of/],
      [
        'two forms',
        { consumer: { stream: 'TASKS' }, subscribe: { subject: 'a' } },
        /found "consumer", "subscribe"/,
      ],
      ['an unknown form', { subject: 'a' }, /found "subject"/],
      ['a misspelled option', { consumer: { stream: 'TASKS', durabel: 'x' } }, /did you mean "durable"/],
      ['no stream', { consumer: {} }, /stream/],
      ['a missing stream', { consumer: { stream: 'NOPE' } }, /there is no stream "NOPE"/],
      ['a missing bucket', { kvWatch: { bucket: 'nope' } }, /there is no bucket "nope"/],
      ['no bucket', { objectWatch: {} }, /bucket/],
      ['a form that is a number', { kvWatch: 5 }, /bucket/],
      ['a wrong subject', { subscribe: { subject: 'a b' } }, /subject/],
      [
        'an unknown connection',
        { subscribe: { subject: 'a', connection: 'x' } },
        /there is no connection "x"/,
      ],
      ['enabled', { subscribe: { subject: 'a', enabled: true } }, /leave the option enabled out/],
      [
        'a durable in use',
        { consumer: { stream: 'TASKS', durable: 'declared' } },
        /shares the durable "declared"/,
      ],
      ['a filter that matches nothing', { consumer: { stream: 'TASKS', filterSubjects: 'x' } }, /"x"/],
    ];

    it.each(wrong)('%s', async (_, options, problem) => {
      await using application = await start();
      const { handlers, feeds } = application;
      const before = await consumers(application);
      const error: unknown = await handlers
        .bind(feeds, 'on', options as BindOptions)
        .catch((thrown: unknown) => thrown);
      expect(error instanceof InvalidArgumentError || error instanceof HandlerConfigurationError).toBe(true);
      expect((error as Error).message).toMatch(problem);
      expect((error as Error).message).toContain('Feeds.on');
      expect(handlers.list()).toHaveLength(1);
      expect(await consumers(application)).toEqual(before);
      // The name is free again.
      await using bound = await handlers.bind(feeds, 'on', { subscribe: { subject: 'a' } });
      expect(bound.name).toBe('Feeds.on');
    });

    it('an object without a provider, and a method that does not exist', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Scoped {
        constructor(@Inject(REQUEST) readonly request: unknown) {}
        on(): void {}
      }
      await using application = await start({ providers: [Scoped] });
      const { handlers, feeds } = application;
      const subscribe = { subject: 'a' };
      await expect(handlers.bind(new Feeds(handlers), 'on', { subscribe })).rejects.toThrow(
        /class Feeds\) is not a provider or controller/,
      );
      await expect(handlers.bind(new Scoped(1), 'on', { subscribe })).rejects.toThrow(InvalidArgumentError);
      await expect(handlers.bind(feeds, 'nothing' as 'on', { subscribe })).rejects.toThrow(
        /Feeds has no method nothing/,
      );
      for (const instance of [null, undefined, 5, 'text']) {
        await expect(handlers.bind(instance as unknown as Feeds, 'on', { subscribe })).rejects.toThrow(
          InvalidArgumentError,
        );
      }
    });

    it('a class for which Nest does not create request-scoped global guards', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class ScopedGuard {
        canActivate(): boolean {
          return false;
        }
      }
      @Injectable()
      class Plain {
        on(): void {
          handled.push('unguarded');
        }
      }
      @Module({ providers: [Plain, { provide: APP_GUARD, useClass: ScopedGuard }] })
      class GuardedModule {}
      await using application = await startApplication(server.url, { imports: [GuardedModule] });
      const plain = application.app.get(Plain, { strict: false });
      await expect(
        application.app.get(Handlers).bind(plain, 'on', { subscribe: { subject: 'guarded' } }),
      ).rejects.toThrow(/request-scoped global guards/);
    });

    it('a connection without a server', async () => {
      await using application = await startApplication(server.url, {
        providers: [Feeds],
        options: { connect: false },
        feature: { streams: [{ name: 'TASKS', subjects: ['tasks.*'] }] },
      });
      await expect(
        application.app
          .get(Handlers)
          .bind(application.app.get(Feeds), 'on', { consumer: { stream: 'TASKS' } }),
      ).rejects.toThrow(NotConnectedError);
    });
  });
});
