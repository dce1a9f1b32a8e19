import { Inject, Injectable, Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  DuplicateDeclarationError,
  InjectKeyValue,
  InjectObjectStore,
  InjectStream,
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  jsonCodec,
  type JetStreamFeatureAsyncOptions,
  type KeyValue,
  type ObjectStore,
  type Stream,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { ConnectedJetStream } from '../jetstream/streams/connected-jetstream.js';

@Injectable()
class Settings {
  readonly maxMessages = 7;
  readonly history = 3;
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

let server: NatsTestServer;

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

afterEach(async () => {
  await using observer = await ConnectedJetStream.connect(server.url);
  for await (const name of observer.jetstream.streamNames()) await observer.jetstream.deleteStream(name);
});

/** The error of a startup with these modules. */
async function failureOf(metadata: ModuleMetadata): Promise<unknown> {
  return startApplication(server.url, metadata).then(
    ({ app }) => app.close(),
    (error: unknown) => error,
  );
}

describe('JetStreamModule.forFeatureAsync', () => {
  it('declares streams, buckets and object stores with injected providers', async () => {
    @Injectable()
    class Everything {
      constructor(
        @InjectStream('ORDERS') readonly orders: Stream,
        @InjectKeyValue('profiles') readonly profiles: KeyValue<string>,
        @InjectObjectStore('documents') readonly documents: ObjectStore,
      ) {}
    }
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forFeatureAsync({
          imports: [SettingsModule],
          streams: [
            {
              name: 'ORDERS',
              inject: [Settings],
              useFactory: ({ maxMessages }: Settings) => ({ subjects: ['orders.>'], maxMessages }),
            },
          ],
          keyValues: [
            {
              bucket: 'profiles',
              inject: [Settings, { token: 'MISSING', optional: true }],
              useFactory: async ({ history }: Settings, missing: undefined) => {
                await Promise.resolve();
                return { history, codec: jsonCodec, description: String(missing) };
              },
            },
          ],
          objectStores: [{ bucket: 'documents', useFactory: () => ({ description: 'files' }) }],
        }),
      ],
      providers: [Everything],
    });
    const { orders, profiles, documents } = application.app.get(Everything);
    expect(orders.cachedInfo.config).toMatchObject({ subjects: ['orders.>'], maxMessages: 7 });
    expect((await profiles.status()).config).toMatchObject({ history: 3, description: 'undefined' });
    expect(await documents.status()).toMatchObject({ description: 'files' });
  });

  it('declares resources of a named connection', async () => {
    @Injectable()
    class Readings {
      constructor(@InjectStream('READINGS', 'edge') readonly stream: Stream) {}
    }
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forRoot({ name: 'edge', connection: { servers: server.url } }),
        JetStreamModule.forFeatureAsync({
          connection: 'edge',
          streams: [{ name: 'READINGS', useFactory: () => ({ subjects: ['readings'] }) }],
        }),
      ],
      providers: [Readings],
    });
    expect(application.app.get(Readings).stream.name).toBe('READINGS');
  });

  it('creates a stream again that a restart of the server lost', async () => {
    await using own = await NatsTestServer.start();
    await using application = await startApplication(own.url, {
      connection: { reconnectTimeWait: 50 },
      imports: [
        JetStreamModule.forFeatureAsync({
          streams: [{ name: 'LOST', useFactory: () => ({ subjects: ['lost'], storage: 'memory' }) }],
        }),
      ],
    });
    const jetstream = application.app.get(JetStreamService);
    await own.kill();
    await own.restart();
    const found = await eventually(
      () => jetstream.stream('LOST').catch(() => undefined),
      (stream) => stream !== undefined,
      20_000,
    );
    expect(found?.cachedInfo.config.subjects).toEqual(['lost']);
  });

  describe('with a connection that only one branch imports', () => {
    const root = (): DynamicModule =>
      JetStreamModule.forRoot({ isGlobal: false, connection: { servers: server.url } });
    const declarations: [string, () => DynamicModule][] = [
      [
        'forFeature',
        () => JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders'] }] }),
      ],
      [
        'forFeatureAsync',
        () =>
          JetStreamModule.forFeatureAsync({
            imports: [SettingsModule],
            streams: [
              {
                name: 'ORDERS',
                inject: [Settings],
                useFactory: ({ maxMessages }: Settings) => ({ subjects: ['orders'], maxMessages }),
              },
            ],
          }),
      ],
    ];

    it.each(declarations)('%s works in the other branch', async (_, declare) => {
      @Injectable()
      class Orders {
        readonly seen: unknown[] = [];
        constructor(@InjectStream('ORDERS') readonly stream: Stream) {}

        @JsConsumer({ stream: 'ORDERS', durable: 'orders' })
        onOrder(): void {
          this.seen.push('order');
        }
      }
      @Injectable()
      class Publisher {
        constructor(@Inject(JetStreamService) readonly jetstream: JetStreamService) {}
      }
      @Module({ imports: [declare()], providers: [Orders] })
      class OrdersModule {}
      @Module({ imports: [OrdersModule] })
      class FeatureBranch {}
      @Module({ imports: [root()], providers: [Publisher] })
      class ConnectionBranch {}
      const app = await Test.createTestingModule({ imports: [FeatureBranch, ConnectionBranch] })
        .setLogger(new LogRecorder())
        .compile();
      await app.init();
      await app.get(Publisher).jetstream.publish('orders', 1);
      const seen = await eventually(
        () => app.get(Orders).seen,
        (all) => all.length === 1,
      );
      await app.close();
      expect(seen).toEqual(['order']);
    });
  });

  it('finds the right one of several connections that are not global', async () => {
    @Injectable()
    class Both {
      constructor(
        @InjectStream('SAME') readonly hub: Stream,
        @InjectStream('SAME', 'edge') readonly edge: Stream,
        @InjectKeyValue('values', 'edge') readonly values: KeyValue,
      ) {}
    }
    await using edge = await NatsTestServer.start();
    const root = (name: string, url: string): DynamicModule =>
      JetStreamModule.forRoot({ name, isGlobal: false, connection: { servers: url } });
    @Module({
      imports: [
        JetStreamModule.forFeature({ streams: [{ name: 'SAME', subjects: ['hub'] }] }),
        JetStreamModule.forFeatureAsync({
          connection: 'edge',
          streams: [{ name: 'SAME', useFactory: () => ({ subjects: ['edge'] }) }],
          keyValues: [{ bucket: 'values', useFactory: () => ({}) }],
        }),
      ],
      providers: [Both],
    })
    class Feature {}
    @Module({ imports: [root('default', server.url), root('edge', edge.url)] })
    class Connections {}
    const app = await Test.createTestingModule({ imports: [Feature, Connections] })
      .setLogger(new LogRecorder())
      .compile();
    await app.init();
    const { hub, edge: other, values } = app.get(Both);
    expect([hub.cachedInfo.config.subjects, other.cachedInfo.config.subjects]).toEqual([['hub'], ['edge']]);
    await values.put('k', 1);
    await using atEdge = await ConnectedJetStream.connect(edge.url);
    expect((await atEdge.jetstream.stream('KV_values')).cachedInfo.state.messages).toBe(1);
    await app.close();
  });

  describe('stops the startup', () => {
    const failing = (): never => {
      throw new Error('no settings');
    };
    const mistakes: [string, JetStreamFeatureAsyncOptions, string][] = [
      [
        'with a factory that throws',
        { streams: [{ name: 'ORDERS', useFactory: failing }] },
        'Invalid options of Stream "ORDERS", created by streams[0].useFactory of JetStreamModule.forFeatureAsync: ' +
          'the factory failed: no settings',
      ],
      [
        'with a factory that rejects',
        { keyValues: [{ bucket: 'profiles', useFactory: async () => Promise.resolve().then(failing) }] },
        'Invalid options of Key-Value bucket "profiles", created by keyValues[0].useFactory of ' +
          'JetStreamModule.forFeatureAsync: the factory failed: no settings',
      ],
      [
        'with a factory that returns nothing',
        { objectStores: [{ bucket: 'files', useFactory: () => undefined as never }] },
        'Invalid options of Object Store bucket "files", created by objectStores[0].useFactory of ' +
          'JetStreamModule.forFeatureAsync: undefined is not an object',
      ],
      [
        'with a factory that returns a number',
        { streams: [{ name: 'ORDERS', useFactory: () => 7 as never }] },
        'streams[0].useFactory of JetStreamModule.forFeatureAsync: 7 is not an object',
      ],
      [
        'with an unknown option',
        { streams: [{ name: 'ORDERS', useFactory: () => ({ subject: ['a'] }) as never }] },
        'Stream "ORDERS", created by streams[0].useFactory of JetStreamModule.forFeatureAsync: there is no option ' +
          '"subject"; did you mean "subjects"?',
      ],
      [
        'with an invalid value',
        {
          streams: [
            { name: 'A', useFactory: () => ({ subjects: ['a'] }) },
            { name: 'ORDERS', useFactory: () => ({ replicas: 'three' }) as never },
          ],
        },
        'Invalid replicas: "three" is not a whole number from 0 to 5 (options of Stream "ORDERS", created by ' +
          'streams[1].useFactory',
      ],
      [
        'with another name of a stream',
        { streams: [{ name: 'ORDERS', useFactory: () => ({ name: 'OTHER' }) as object }] },
        'Invalid name: the factory returned "OTHER", but the injection token has the name "ORDERS"; omit name from ' +
          'the result (options of Stream "ORDERS", created by streams[0].useFactory',
      ],
      [
        'with another name of a bucket',
        { keyValues: [{ bucket: 'b', useFactory: () => ({ bucket: 'c' }) as object }] },
        'Invalid bucket: the factory returned "c", but the injection token has the name "b"; omit bucket from',
      ],
    ];

    it.each(mistakes)('%s', async (_, options, words) => {
      const error = await failureOf({ imports: [JetStreamModule.forFeatureAsync(options)] });
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(String(error)).toContain(words);
    });

    it('with another declaration of the same stream, wherever it is', async () => {
      @Module({
        imports: [JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders'] }] })],
      })
      class Orders {}
      @Module({
        imports: [
          JetStreamModule.forFeatureAsync({
            streams: [{ name: 'ORDERS', useFactory: () => ({ subjects: ['orders'], maxMessages: 5 }) }],
          }),
        ],
      })
      class Billing {}
      const error = await failureOf({ imports: [Orders, Billing] });
      expect(error).toBeInstanceOf(DuplicateDeclarationError);
      expect(String(error)).toContain(
        'Stream "ORDERS" is declared in Orders with none of these options and in Billing with maxMessages: 5',
      );
    });

    it('but not with an equal one, or the same name', async () => {
      const stream = { name: 'ORDERS', subjects: ['orders'] };
      @Module({ imports: [JetStreamModule.forFeature({ streams: [stream] })] })
      class Orders {}
      @Module({
        imports: [
          JetStreamModule.forFeatureAsync({ streams: [{ name: 'ORDERS', useFactory: () => stream }] }),
        ],
      })
      class Billing {}
      await using application = await startApplication(server.url, { imports: [Orders, Billing] });
      const { cachedInfo } = await application.app.get(JetStreamService).stream('ORDERS');
      expect(cachedInfo.config.subjects).toEqual(['orders']);
    });
  });

  const refused: [string, unknown, string][] = [
    ['no options', undefined, 'undefined is not an object'],
    ['a stream without a name', { streams: [{ useFactory: () => ({}) }] }, 'streams[0].name'],
    ['a bucket without a factory', { keyValues: [{ bucket: 'b' }] }, 'keyValues[0].useFactory'],
    ['a declaration without a factory', { streams: [{ name: 'A', subjects: ['a'] }] }, 'streams[0].subjects'],
    [
      'providers that are not a list',
      { streams: [{ name: 'A', inject: 1, useFactory: () => ({}) }] },
      'inject',
    ],
    ['imports that are not a list', { imports: SettingsModule }, 'imports'],
    ['an unknown option', { stream: [] }, 'did you mean "streams"?'],
    [
      'two factories for one stream',
      {
        streams: [
          { name: 'A', useFactory: () => ({}) },
          { name: 'A', useFactory: () => ({}) },
        ],
      },
      'Invalid streams: "A" has two factories; declare it once (options of JetStreamModule.forFeatureAsync)',
    ],
  ];
  it.each(refused)('refuses %s', (_, options, words) => {
    const call = (): unknown => JetStreamModule.forFeatureAsync(options as JetStreamFeatureAsyncOptions);
    expect(call).toThrow(InvalidArgumentError);
    expect(call).toThrow(words);
  });
});
