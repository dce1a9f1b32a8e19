import { Controller, Injectable, Module, Scope, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  ConfigMismatchError,
  DuplicateConnectionError,
  DuplicateDeclarationError,
  getNatsConnectionToken,
  HandlerConfigurationError,
  InjectNatsConnection,
  InjectStream,
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KvWatch,
  ObjectWatch,
  OnDeadLetter,
  NatsSubscribe,
  type JetStreamFeatureOptions,
  type JetStreamModuleOptions,
  type Stream,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

describe('an application that cannot start', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const root = (options: object = {}): ReturnType<typeof JetStreamModule.forRoot> =>
    JetStreamModule.forRoot({ connection: { servers: server.url }, ...options });

  /** Starts an application that must fail, and returns the error. */
  async function failureOf(metadata: ModuleMetadata): Promise<unknown> {
    const module = await Test.createTestingModule(metadata)
      .setLogger(new LogRecorder())
      .compile()
      .catch((error: unknown) => error);
    if (!(typeof module === 'object' && module !== null && 'init' in module)) return module;
    const app = module as Awaited<ReturnType<ReturnType<typeof Test.createTestingModule>['compile']>>;
    const failure = await app.init().then(
      () => undefined,
      (error: unknown) => error,
    );
    await app.close();
    return failure;
  }

  const openConnections = async (): Promise<number> =>
    ((await (await fetch(`${server.monitoringUrl}/connz`)).json()) as { num_connections: number })
      .num_connections;

  describe('closes its connections after a failure in', () => {
    @Injectable()
    class Failing {
      constructor(@InjectNatsConnection() nc: NatsConnection) {
        throw new Error(`no use for ${nc.getServer()}`);
      }
    }
    const later = { provide: 'LATER', useFactory: async () => Promise.reject(new Error('later')) };
    const failures: [string, () => ModuleMetadata][] = [
      [
        'forFeature',
        () => ({
          imports: [root(), JetStreamModule.forFeature({ streams: [{ name: 'A', subjects: ['a b'] }] })],
        }),
      ],
      [
        'forFeature of another connection',
        () => ({
          imports: [
            root(),
            root({ name: 'other' }),
            JetStreamModule.forFeature({ streams: [{ name: 'A', replicas: 3 }], connection: 'other' }),
          ],
        }),
      ],
      ['jetstream options', () => ({ imports: [root({ jetstream: { timeout: -1 } })] })],
      ['publish options', () => ({ imports: [root({ publish: { maxPending: -1 } })] })],
      ['options that do not exist', () => ({ imports: [root({ shutdownTimout: 1 })] })],
      ['the constructor of a provider', () => ({ imports: [root()], providers: [Failing] })],
      ['the factory of a provider', () => ({ imports: [root()], providers: [later] })],
      [
        'a provider that does not wait for the connection',
        () => ({ imports: [root()], providers: [{ provide: 'NOW', useFactory: () => raise('now') }] }),
      ],
      [
        'a controller',
        () => {
          @Controller()
          class FailingController {
            constructor() {
              raise('controller');
            }
          }
          return { imports: [root()], controllers: [FailingController] };
        },
      ],
    ];
    it.each(failures)('%s', async (_, metadata) => {
      expect(await failureOf(metadata())).toBeInstanceOf(Error);
      await eventually(openConnections, (open) => open === 0, 5_000);
    });

    it('but keeps the connections of an application with providers of every kind', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class PerRequest {}
      @Injectable()
      class Bubbled {
        constructor(readonly request: PerRequest) {}
      }
      const app = await Test.createTestingModule({
        imports: [root()],
        providers: [
          PerRequest,
          Bubbled,
          { provide: 'NULL', useFactory: () => null },
          { provide: 'VALUE', useValue: undefined },
          { provide: 'ALIAS', useExisting: 'NULL' },
          { provide: 'SLOW', useFactory: () => new Promise((resolve) => setTimeout(resolve, 200, 1)) },
          {
            provide: 'HANDLED',
            inject: [JetStreamService],
            useFactory: (jetstream: JetStreamService) =>
              jetstream.stream('MISSING').catch(() => 'no such stream'),
          },
        ],
      })
        .setLogger(new LogRecorder())
        .compile();
      // Longer than several checks for failures take.
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(app.get<NatsConnection>(getNatsConnectionToken()).isClosed()).toBe(false);
      await app.init();
      await app.get(JetStreamService).accountInfo();
      await app.close();
    });
  });

  describe('lists unknown options, each with the nearest known one:', () => {
    const options = (of: object): ModuleMetadata => ({ imports: [root(of)] });
    const rootMistakes: [string, object, string][] = [
      ['forRoot', { conection: {} }, 'there is no option "conection"; did you mean "connection"?'],
      [
        'jetstream',
        { jetstream: { timout: 1 } },
        'there is no option "jetstream.timout"; did you mean "timeout"?',
      ],
      ['publish', { publish: { maxpending: 1 } }, '"publish.maxpending"; did you mean "maxPending"?'],
      [
        'publish.retry',
        { publish: { retry: { attemps: 1 } } },
        '"publish.retry.attemps"; did you mean "attempts"?',
      ],
      ['handlers', { handlers: { concurency: 3 } }, '"handlers.concurency"; did you mean "concurrency"?'],
      [
        'handlers.consumers',
        { handlers: { consumers: { billing: { stream: 'A', durble: 'b' } } } },
        'Invalid options of JetStreamModule.forRoot: there is no option "handlers.consumers.billing.durble"; did you mean "durable"?',
      ],
      ['provisioning', { provisioning: 'asure' }, 'Invalid provisioning'],
      ['bootTimeout', { bootTimeout: '60s' }, 'Invalid bootTimeout: "60s" is not a number of milliseconds'],
      ['shutdownTimeout', { shutdownTimeout: -1 }, 'Invalid shutdownTimeout'],
      ['nothing like it', { foo: 1 }, 'there is no option "foo"; the options are connection, connect,'],
    ];
    it.each(rootMistakes)('forRoot %s', async (_, of, words) => {
      const error = await failureOf(options(of));
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(String(error)).toContain(words);
    });

    it('forRootAsync', async () => {
      const error = await failureOf({
        imports: [
          JetStreamModule.forRootAsync({
            useFactory: () =>
              ({ connection: { servers: server.url }, shutdownTimout: 3 }) as JetStreamModuleOptions,
          }),
        ],
      });
      expect(String(error)).toContain('did you mean "shutdownTimeout"?');
    });

    const featureMistakes: [string, object, string][] = [
      ['streams', { stream: [] }, 'there is no option "stream"; did you mean "streams"?'],
      [
        'a stream',
        { streams: [{ name: 'A', subject: ['a'] }] },
        '"streams[0].subject"; did you mean "subjects"?',
      ],
      [
        'the placement of a stream',
        { streams: [{ name: 'A', placement: { tag: ['a'] } }] },
        '"streams[0].placement.tag"; did you mean "tags"?',
      ],
      [
        'a bucket',
        { keyValues: [{ bucket: 'b', histroy: 3 }] },
        '"keyValues[0].histroy"; did you mean "history"?',
      ],
      [
        'a store',
        { objectStores: [{ bucket: 'b', replica: 3 }] },
        '"objectStores[0].replica"; did you mean "replicas"?',
      ],
    ];
    it.each(featureMistakes)('forFeature with %s', (_, of, words) => {
      const call = (): unknown => JetStreamModule.forFeature(of);
      expect(call).toThrow(InvalidArgumentError);
      expect(call).toThrow(words);
    });

    const js = (of: object): MethodDecorator =>
      JsConsumer({ stream: 'LETTERS', durable: 'x', ...of } as Parameters<typeof JsConsumer>[0]);
    const handlerMistakes: [string, MethodDecorator, string][] = [
      ['@JsConsumer', js({ concurency: 3 }), '"concurency"; did you mean "concurrency"?'],
      [
        '@JsConsumer retry',
        js({ retry: { maxDelivery: 3 } }),
        '"retry.maxDelivery"; did you mean "maxDeliver"?',
      ],
      [
        '@JsConsumer batch',
        js({ batch: { size: 3, maxwait: 1 } }),
        '"batch.maxwait"; did you mean "maxWait"?',
      ],
      ['@JsConsumer filterSubject', js({ filterSubject: 'a' }), 'did you mean "filterSubjects"?'],
      ['@KvWatch', KvWatch('b', { key: 'a' } as object), '"key"; did you mean "keys"?'],
      ['@ObjectWatch', ObjectWatch('b', { updateOnly: true } as object), 'did you mean "updatesOnly"?'],
      ['@NatsSubscribe', NatsSubscribe('s', { queueGroup: 'a' } as object), 'did you mean "queue"?'],
      ['@OnDeadLetter', OnDeadLetter({ streams: 'A' } as object), 'did you mean "stream"?'],
      [
        'made options of @KvWatch',
        KvWatch({ useFactory: () => ({ bucket: 'b', metaonly: true }) }),
        'did you mean "metaOnly"?',
      ],
    ];
    it.each(handlerMistakes)('%s', async (_, decorate, words) => {
      class Handler {
        handle(): void {}
      }
      const descriptor = Object.getOwnPropertyDescriptor(Handler.prototype, 'handle');
      decorate(Handler.prototype, 'handle', descriptor ?? {});
      const error = await failureOf({ imports: [root()], providers: [Handler] });
      expect(error).toBeInstanceOf(HandlerConfigurationError);
      expect(String(error)).toContain(`Handler.handle: there is no option`);
      expect(String(error)).toContain(words);
    });
  });

  describe('rejects', () => {
    const feature = (of: JetStreamFeatureOptions, name: string): new () => object => {
      class Feature {
        readonly of = of;
      }
      Object.defineProperty(Feature, 'name', { value: name });
      Module({ imports: [JetStreamModule.forFeature(of)] })(Feature);
      return Feature;
    };

    it.each(['default', 'analytics'])('a second forRoot for connection "%s"', async (name) => {
      @Module({ imports: [root({ name })] })
      class OneModule {}
      @Module({ imports: [root({ name })] })
      class OtherModule {}
      const error = await failureOf({ imports: [OneModule, OtherModule] });
      expect(error).toBeInstanceOf(DuplicateConnectionError);
      expect(String(error)).toContain(`2 times for connection "${name}", by OneModule, OtherModule`);
      await eventually(openConnections, (open) => open === 0, 5_000);
    });

    const twice: [string, JetStreamFeatureOptions, JetStreamFeatureOptions, string][] = [
      [
        'a stream',
        { streams: [{ name: 'S', subjects: ['a'] }] },
        { streams: [{ name: 'S', subjects: ['b'] }] },
        'Stream "S" is declared in Orders with subjects: ["a"] and in Billing with subjects: ["b"]',
      ],
      [
        'a stream, once without an option',
        { streams: [{ name: 'S', subjects: ['a'], maxAge: 1_000 }] },
        { streams: [{ name: 'S', subjects: ['a'] }] },
        'Stream "S" is declared in Orders with maxAge: 1000 and in Billing with none of these options',
      ],
      [
        'a bucket',
        { keyValues: [{ bucket: 'b', history: 2 }] },
        { keyValues: [{ bucket: 'b', history: 3 }] },
        'Key-Value bucket "b" is declared in Orders with history: 2 and in Billing with history: 3',
      ],
      [
        'an object store',
        { objectStores: [{ bucket: 'b', description: 'x' }] },
        { objectStores: [{ bucket: 'b' }] },
        'Object Store bucket "b" is declared in Orders with description: "x" and in Billing with none of these options',
      ],
      [
        'a bucket that is also a stream',
        { keyValues: [{ bucket: 'b' }] },
        { streams: [{ name: 'KV_b', subjects: ['x'] }] },
        'Key-Value bucket "b" in Orders and Stream "KV_b" in Billing are the same stream, "KV_b"',
      ],
    ];
    it.each(twice)('two declarations of %s that differ', async (_, first, second, words) => {
      const error = await failureOf({
        imports: [root(), feature(first, 'Orders'), feature(second, 'Billing')],
      });
      expect(error).toBeInstanceOf(DuplicateDeclarationError);
      expect(String(error)).toContain(words);
    });

    it('all such declarations in one error, before anything is created', async () => {
      const error = await failureOf({
        imports: [
          root(),
          feature(
            {
              streams: [
                { name: 'S1', subjects: ['a'] },
                { name: 'S2', subjects: ['b'] },
              ],
            },
            'Orders',
          ),
          feature(
            {
              streams: [
                { name: 'S1', subjects: ['c'] },
                { name: 'S2', subjects: ['d'] },
              ],
            },
            'Billing',
          ),
        ],
      });
      expect((error as DuplicateDeclarationError).conflicts).toHaveLength(2);
      await using application = await startApplication(server.url, {});
      await expect(application.app.get(JetStreamService).stream('S1')).rejects.toThrow('not found');
    });

    it('but not the same declaration twice, in any order, or on another connection', async () => {
      const metadata = { a: '1', b: '2' };
      await using application = await startApplication(server.url, {
        imports: [
          root({ name: 'other' }),
          feature({ streams: [{ name: 'SAME', subjects: ['same.a', 'same.b'], metadata }] }, 'Orders'),
          feature(
            { streams: [{ metadata: { b: '2', a: '1' }, name: 'SAME', subjects: ['same.b', 'same.a'] }] },
            'Billing',
          ),
          feature(
            {
              streams: [{ name: 'SAME', description: undefined, subjects: ['same.a', 'same.b'] }],
              connection: 'other',
            },
            'Other',
          ),
        ],
      });
      const { cachedInfo } = await application.app.get(JetStreamService).stream('SAME');
      expect(cachedInfo.config.metadata).toMatchObject(metadata);
      await application.app.get(JetStreamService).deleteStream('SAME');
    });
  });

  describe('when another service has declared the same stream', () => {
    const start = (subjects: readonly string[]): ReturnType<typeof startApplication> =>
      startApplication(server.url, {
        feature: { streams: [{ name: 'SHARED', subjects, storage: 'memory' }] },
      });

    it('does not remove its subjects, but adds some', async () => {
      await using first = await start(['shared.a', 'shared.b']);
      const error: unknown = await start(['shared.c']).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigMismatchError);
      expect(String(error)).toContain('Stream "SHARED"');
      expect(String(error)).toContain(
        'it listens on "shared.a", "shared.b", which the declaration does not contain',
      );
      await using third = await start(['shared.c', 'shared.b', 'shared.a']);
      expect(third.logs.of('log', 'JetStreamProvisioning')).toHaveLength(1);
      // The order of subjects does not matter.
      await using fourth = await start(['shared.a', 'shared.b', 'shared.c']);
      expect(fourth.logs.of('log', 'JetStreamProvisioning')).toEqual([]);
      // A wider subject removes nothing.
      await using fifth = await start(['shared.>']);
      const { cachedInfo } = await fifth.app.get(JetStreamService).stream('SHARED');
      expect(cachedInfo.config.subjects).toEqual(['shared.>']);
      await first.app.get(JetStreamService).deleteStream('SHARED');
    });
  });
});

function raise(words: string): never {
  throw new Error(words);
}

describe('a connection that is not global', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const ways: [string, () => ReturnType<typeof JetStreamModule.forRoot>][] = [
    ['forRoot', () => JetStreamModule.forRoot({ isGlobal: false, connection: { servers: server.url } })],
    [
      'forRootAsync',
      () =>
        JetStreamModule.forRootAsync({
          isGlobal: false,
          useFactory: () => ({ connection: { servers: server.url } }),
        }),
    ],
  ];
  it.each(ways)('works with forFeature in any module (%s)', async (_, root) => {
    @Injectable()
    class Orders {
      readonly seen: string[] = [];
      constructor(@InjectStream('ORDERS') readonly stream: Stream) {}
      @JsConsumer({ stream: 'ORDERS', durable: 'orders' })
      onOrder(): void {
        this.seen.push('order');
      }
    }
    @Module({
      imports: [
        JetStreamModule.forFeature({
          streams: [{ name: 'ORDERS', subjects: ['orders'], storage: 'memory' }],
        }),
      ],
      providers: [Orders],
    })
    class OrdersModule {}
    @Injectable()
    class Publisher {
      constructor(readonly jetstream: JetStreamService) {}
    }
    @Module({ imports: [root()], providers: [Publisher] })
    class ConnectedModule {}
    const app = await Test.createTestingModule({ imports: [OrdersModule, ConnectedModule] })
      .setLogger(new LogRecorder())
      .compile();
    await app.init();
    await app.get(Publisher).jetstream.publish('orders', 1);
    await eventually(
      () => app.get(Orders).seen,
      (seen) => seen.length === 1,
    );
    const nc = app.get<NatsConnection>(getNatsConnectionToken(), { strict: false });
    await app.close();
    expect(nc.isClosed()).toBe(true);
  });

  it('is injected only into modules that import its module', async () => {
    @Injectable()
    class Elsewhere {
      constructor(readonly jetstream: JetStreamService) {}
    }
    @Module({ providers: [Elsewhere] })
    class OtherModule {}
    const boot = Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ isGlobal: false, connection: { servers: server.url } }),
        OtherModule,
      ],
    })
      .setLogger(new LogRecorder())
      .compile();
    await expect(boot).rejects.toThrow("can't resolve dependencies of the Elsewhere");
  });
});
