import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Payload } from '@nestjs/microservices';
import {
  ConnectionFailedError,
  getJetStreamToken,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreToken,
  getStreamToken,
  InjectJetStream,
  InjectKeyValue,
  InjectNatsConnection,
  InjectObjectStore,
  InjectStream,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  ObjectStoreService,
  type JetStreamModuleOptions,
  type JetStreamOptionsFactory,
  type KeyValue,
  type ObjectStore,
  type Stream,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

describe('JetStreamModule', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it('provides services, and creates declared resources before they are injected', async () => {
    @Injectable()
    class Everything {
      constructor(
        readonly jetstream: JetStreamService,
        readonly keyValue: KeyValueService,
        readonly objectStore: ObjectStoreService,
        @InjectJetStream() readonly same: JetStreamService,
        @InjectNatsConnection() readonly nc: NatsConnection,
        @InjectStream('ORDERS') readonly orders: Stream,
        @InjectKeyValue('profiles') readonly profiles: KeyValue<{ name: string }>,
        @InjectObjectStore('configs') readonly configs: ObjectStore,
      ) {}
    }
    await using application = await startApplication(server.url, {
      feature: {
        streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }],
        keyValues: [{ bucket: 'profiles', storage: 'memory' }],
        objectStores: [{ bucket: 'configs', storage: 'memory' }],
      },
      providers: [Everything],
    });
    const everything = application.app.get(Everything);
    expect(everything.same).toBe(everything.jetstream);
    expect(everything.nc.isClosed()).toBe(false);
    expect(everything.orders.cachedInfo.config.subjects).toEqual(['orders.>']);
    await everything.profiles.put('sue', { name: 'Sue' });
    expect((await everything.profiles.get('sue'))?.value).toEqual({ name: 'Sue' });
    await everything.configs.putString({ name: 'a.txt' }, 'text');
    expect(await everything.configs.getString('a.txt')).toBe('text');
    expect(await everything.jetstream.publish('orders.1', {})).toMatchObject({
      stream: 'ORDERS',
      sequence: 1,
    });
  });

  it('gets its options from a factory, a class, or an existing provider', async () => {
    @Injectable()
    class Options implements JetStreamOptionsFactory {
      createJetStreamOptions(): JetStreamModuleOptions {
        return { connection: { servers: server.url } };
      }
    }
    @Module({ providers: [Options], exports: [Options] })
    class OptionsModule {}

    const ways = [
      JetStreamModule.forRootAsync({
        imports: [OptionsModule],
        inject: [Options],
        useFactory: async (options: Options) => Promise.resolve(options.createJetStreamOptions()),
      }),
      JetStreamModule.forRootAsync({ useClass: Options }),
      JetStreamModule.forRootAsync({ imports: [OptionsModule], useExisting: Options }),
    ];
    for (const module of ways) {
      const app = await Test.createTestingModule({ imports: [module] })
        .setLogger(new LogRecorder())
        .compile();
      await app.init();
      expect(await app.get(JetStreamService).accountInfo()).toMatchObject({
        streams: expect.any(Number) as number,
      });
      await app.close();
    }
  });

  it('supports several named connections, with handlers on each', async () => {
    await using other = await NatsTestServer.start();
    const seen: string[] = [];
    const stream = { name: 'EVENTS', subjects: ['events'], storage: 'memory' as const };
    @Injectable()
    class Handlers {
      @JsConsumer({ stream: 'EVENTS', durable: 'here' })
      here(@Payload() event: string): void {
        seen.push(`default ${event}`);
      }

      @JsConsumer({ stream: 'EVENTS', durable: 'there', connection: 'analytics' })
      there(@Payload() event: string): void {
        seen.push(`analytics ${event}`);
      }
    }
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forRootAsync({
          name: 'analytics',
          useFactory: () => ({ connection: { servers: other.url } }),
        }),
        JetStreamModule.forFeature({ streams: [stream] }),
        JetStreamModule.forFeature({
          streams: [stream],
          keyValues: [{ bucket: 'b' }],
          connection: 'analytics',
        }),
      ],
      providers: [Handlers],
    });
    const { app } = application;
    await app.get<JetStreamService>(getJetStreamToken('analytics')).publish('events', '"2"');
    await app.get(JetStreamService).publish('events', '"1"');
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    expect(seen.sort()).toEqual(['analytics 2', 'default 1']);
    expect(app.get<NatsConnection>(getNatsConnectionToken('analytics')).info?.port).toBe(other.port);
    expect(app.get<Stream>(getStreamToken('EVENTS', 'analytics')).name).toBe('EVENTS');
    await app.get<KeyValue>(getKeyValueToken('b', 'analytics')).put('k', 1);
    expect(() => app.get(getObjectStoreToken('none', 'analytics'))).toThrow();
  });

  it('isolates two applications in one process', async () => {
    const seen: string[] = [];
    @Injectable()
    class Handler {
      constructor(@Inject('NAME') private readonly name: string) {}

      @JsConsumer({ stream: 'SHARED', durable: 'handler' })
      handle(@Payload() event: number): void {
        seen.push(`${this.name} ${event}`);
      }
    }
    await using other = await NatsTestServer.start();
    const start = (url: string, name: string): ReturnType<typeof startApplication> =>
      startApplication(url, {
        feature: { streams: [{ name: 'SHARED', subjects: ['shared'], storage: 'memory' }] },
        providers: [Handler, { provide: 'NAME', useValue: name }],
      });
    await using first = await start(server.url, 'first');
    const second = await start(other.url, 'second');
    await first.app.get(JetStreamService).publish('shared', 1);
    await second.app.get(JetStreamService).publish('shared', 2);
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    await second.app.close();
    await first.app.get(JetStreamService).publish('shared', 3);
    await eventually(
      () => seen.length,
      (n) => n === 3,
    );
    expect(seen.sort()).toEqual(['first 1', 'first 3', 'second 2']);
  });

  it('uses a connection of the application, and leaves it open', async () => {
    const nc = await connect({ servers: server.url });
    const app = await Test.createTestingModule({ imports: [JetStreamModule.forRoot({ connection: nc })] })
      .setLogger(new LogRecorder())
      .compile();
    await app.init();
    await app.get(JetStreamService).accountInfo();
    await app.close();
    expect(nc.isClosed()).toBe(false);
    await nc.close();
  });

  it('closes its own connection at shutdown', async () => {
    const application = await startApplication(server.url, {});
    const nc = application.app.get<NatsConnection>(getNatsConnectionToken());
    await application.app.close();
    expect(nc.isClosed()).toBe(true);
  });

  it.each(['before', 'while'])('closes even if the server stops %s it closes', async (when) => {
    const own = await NatsTestServer.start();
    @Injectable()
    class Orders {
      @JsConsumer({ stream: 'ORDERS', durable: 'orders' })
      onOrder(): void {}
    }
    const { app } = await startApplication(own.url, {
      // Without a limit, the client would wait this long for a server before closing.
      connection: { reconnectTimeWait: 60_000 },
      options: { shutdownTimeout: 100 },
      feature: { streams: [{ name: 'ORDERS', subjects: ['orders'], storage: 'memory' }] },
      providers: [Orders],
    });
    const nc = app.get<NatsConnection>(getNatsConnectionToken());
    const { connection } = app.get(JetStreamService);
    if (when === 'before') {
      const lost = new Promise<void>((resolve) => connection.listen({ onDisconnect: resolve }));
      await own.kill();
      await lost;
      await app.close();
    } else {
      own.pause();
      const closing = app.close();
      await own.kill();
      await closing;
    }
    expect(nc.isClosed()).toBe(true);
    await own.stop();
  });

  it('closes its connection when the boot fails', async () => {
    let nc: NatsConnection | undefined;
    @Injectable()
    class Misconfigured {
      constructor(@InjectNatsConnection() connection: NatsConnection) {
        nc = connection;
      }
      @JsConsumer({ stream: 'NOWHERE' })
      handle(): void {}
    }
    await expect(startApplication(server.url, { providers: [Misconfigured] })).rejects.toThrow(
      'Misconfigured.handle: there is no stream "NOWHERE"',
    );
    expect(nc?.isClosed()).toBe(true);
  });

  describe('without a server at boot', () => {
    it('waits, logs it, and continues when the server is reachable', async () => {
      const absent = await NatsTestServer.start();
      await absent.kill();
      const logs = new LogRecorder();
      const module = Test.createTestingModule({
        imports: [
          JetStreamModule.forRoot({
            connection: {
              servers: absent.url.replace('nats://', 'nats://me:secret@'),
              reconnectTimeWait: 50,
            },
          }),
        ],
      })
        .setLogger(logs)
        .compile();
      const [line] = await eventually(
        () => logs.of('warn', 'NatsConnection').filter((text) => text.includes('no NATS server')),
        (lines) => lines.length > 0,
      );
      expect(line).toContain(`Connection "default": no NATS server at ${absent.url} yet`);
      expect(line).toContain('retrying until one is available');
      await absent.restart();
      const app = await module;
      await app.init();
      await app.get(JetStreamService).accountInfo();
      await app.close();
      await absent.stop();
      expect(JSON.stringify(logs.lines)).not.toContain('secret');
    });

    it('fails at once if waitOnFirstConnect is false', async () => {
      const boot = Test.createTestingModule({
        imports: [
          JetStreamModule.forRoot({
            connection: { servers: 'nats://me:secret@127.0.0.1:1', waitOnFirstConnect: false },
          }),
        ],
      })
        .setLogger(new LogRecorder())
        .compile();
      const error: unknown = await boot.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConnectionFailedError);
      expect(String(error)).toContain('Connection "default" to nats://127.0.0.1:1 failed');
      expect(JSON.stringify([error, String(error)])).not.toContain('secret');
    });

    it('does not wait for credentials to become valid', async () => {
      await using guarded = await NatsTestServer.start({
        users: [{ user: 'me', password: 'right' }],
      });
      const boot = Test.createTestingModule({
        imports: [
          JetStreamModule.forRoot({ connection: { servers: guarded.url, user: 'me', pass: 'wr0ng' } }),
        ],
      })
        .setLogger(new LogRecorder())
        .compile();
      const error: unknown = await boot.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConnectionFailedError);
      expect(String(error)).toMatch(/authorization/i);
      expect(String(error)).not.toContain('wr0ng');
    });
  });

  it('rejects a domain together with an API prefix, and an invalid timeout', async () => {
    const compile = (jetstream: JetStreamModuleOptions['jetstream']): Promise<unknown> =>
      Test.createTestingModule({
        imports: [JetStreamModule.forRoot({ connection: { servers: server.url }, jetstream })],
      })
        .setLogger(new LogRecorder())
        .compile();
    // @ts-expect-error the types exclude it too
    await expect(compile({ domain: 'hub', apiPrefix: '$JS.hub.API' })).rejects.toThrow(
      'Invalid jetstream.domain',
    );
    await expect(compile({ timeout: -1 })).rejects.toThrow('Invalid jetstream.timeout');
  });
});
