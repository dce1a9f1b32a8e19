import { Inject, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  type JetStreamModuleOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { LogRecorder } from '../support/log-recorder.js';
import { feature, root, SECRET, unreadable, withThrowing } from './wrong-options.js';

describe('wrong options of a module', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  async function failureOf(imports: NonNullable<ModuleMetadata['imports']>): Promise<unknown> {
    try {
      const module = await Test.createTestingModule({ imports }).setLogger(new LogRecorder()).compile();
      await module.close();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  const complete = (options: object): JetStreamModuleOptions =>
    Object.defineProperties(
      { connection: { servers: server.url } },
      Object.getOwnPropertyDescriptors(options),
    ) as JetStreamModuleOptions;

  it.each(root)('stop forRootAsync: %s', async (_, options, argument, reason) => {
    const failure = await failureOf([JetStreamModule.forRootAsync({ useFactory: () => complete(options) })]);
    expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
    expect(String(failure)).toContain(reason);
    expect(String(failure)).not.toContain(SECRET);
  });

  it.each(root.filter(([name]) => !name.includes('cannot be read')))(
    'stop forRoot: %s',
    async (_, options, argument) => {
      const failure = await failureOf([JetStreamModule.forRoot(complete(options))]);
      expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
    },
  );

  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['text', 'nats://localhost'],
    ['a list', []],
    ['a proxy that throws', unreadable],
    ['an option that cannot be read', withThrowing('connection')],
    ['a name that is not a string', { name: 5 }],
    ['an empty name', { name: '' }],
    ['isGlobal that is text', { isGlobal: 'no' }],
  ])('stop forRoot at once: %s', (_, options) => {
    expect(() => JetStreamModule.forRoot(options as JetStreamModuleOptions)).toThrow(InvalidArgumentError);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['nothing that makes them', {}],
    ['a factory that is text', { useFactory: 'make' }],
    ['a class that is text', { useClass: 'Settings' }],
    ['inject that is text', { inject: 'A', useFactory: () => ({}) }],
    ['a name that is not a string', { name: 5, useFactory: () => ({}) }],
  ])('stop forRootAsync at once: %s', (_, options) => {
    expect(() => JetStreamModule.forRootAsync(options as object)).toThrow(InvalidArgumentError);
  });

  it.each<[string, () => unknown]>([
    ['null', () => null],
    ['nothing', () => undefined],
    ['text', () => 'nats://localhost'],
    ['a promise of null', async () => null],
  ])('stop the application if the factory returns %s', async (_, useFactory) => {
    const failure = await failureOf([
      JetStreamModule.forRootAsync({ useFactory: useFactory as () => object }),
    ]);
    expect(failure).toMatchObject({
      constructor: InvalidArgumentError,
      argument: 'options of JetStreamModule.forRoot',
    });
  });

  it('stop the application if useClass lacks the method that creates them', async () => {
    class Settings {
      options(): object {
        return {};
      }
    }
    const failure = await failureOf([JetStreamModule.forRootAsync({ useClass: Settings as never })]);
    expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument: 'useClass' });
    expect(String(failure)).toContain('createJetStreamOptions');
  });

  it('stop the application if useExisting lacks the method that creates them', async () => {
    @Module({ providers: [{ provide: 'settings', useValue: { connection: {} } }], exports: ['settings'] })
    class SettingsModule {}
    const failure = await failureOf([
      JetStreamModule.forRootAsync({ imports: [SettingsModule], useExisting: 'settings' as never }),
    ]);
    expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument: 'useExisting' });
  });

  it('can be created by a class or a provider with its own dependencies', async () => {
    @Injectable()
    class Settings {
      constructor(@Inject('url') private readonly servers: string) {}
      createJetStreamOptions(): JetStreamModuleOptions {
        return { connection: { servers: this.servers } };
      }
    }
    @Module({
      providers: [{ provide: 'url', useValue: server.url }, Settings],
      exports: ['url', Settings],
    })
    class SettingsModule {}
    for (const made of [{ useClass: Settings }, { useExisting: Settings }]) {
      const module = JetStreamModule.forRootAsync({ imports: [SettingsModule], ...made });
      expect(await failureOf([module])).toBeUndefined();
    }
  });

  it('are listed in one error', async () => {
    const failure = await failureOf([
      JetStreamModule.forRoot(complete({ codec: {}, codecs: [null], handlers: { concurrency: 0 } })),
    ]);
    expect(failure).toMatchObject({ argument: 'options of JetStreamModule.forRoot' });
    for (const path of ['codec must be', 'codecs[0] must be', 'handlers.concurrency must be'])
      expect(String(failure)).toContain(path);
  });

  it.each(feature)('stop forFeature: %s', (_, options, argument, reason) => {
    let failure: unknown;
    try {
      JetStreamModule.forFeature(options as object);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
    expect(String(failure)).toContain(reason);
  });

  it('can be inherited, even accessors of a class', async () => {
    class Connection {
      constructor(private readonly url: string) {}
      get servers(): string {
        return this.url;
      }
      get name(): string {
        return 'inherited';
      }
    }
    class Settings {
      get connection(): Connection {
        return new Connection(server.url);
      }
      get handlers(): object {
        return Object.create({ concurrency: 3, consumers: {} }) as object;
      }
    }
    for (const module of [
      JetStreamModule.forRoot(new Settings()),
      JetStreamModule.forRootAsync({ useFactory: () => new Settings() }),
    ]) {
      const application = await Test.createTestingModule({ imports: [module] })
        .setLogger(new LogRecorder())
        .compile();
      const { nc } = application.get(JetStreamService).connection;
      expect(nc.getServer()).toBe(server.url.replace('nats://', ''));
      await application.close();
    }
  });

  it('of the client that are unknown are logged, since a newer client may have them', async () => {
    await using application = await startApplication(server.url, {
      connection: { sever: 'x', foo: 1 } as object,
    });
    expect(application.logs.of('warn', 'NatsConnection')).toEqual([
      'Connection "default": the client has no option "sever"; did you mean "servers"?',
      'Connection "default": the client has no option "foo"',
    ]);
  });

  it('of calls are rejected immediately', async () => {
    await using application = await startApplication(server.url, {
      feature: {
        streams: [{ name: 'S', subjects: ['s'], storage: 'memory' }],
        keyValues: [{ bucket: 'b', storage: 'memory' }],
      },
    });
    const jetstream = application.app.get(JetStreamService);
    const buckets = application.app.get(KeyValueService);
    const stores = application.app.get(ObjectStoreService);
    const bucket = await buckets.open('b');
    const consumer = await jetstream.createConsumer('S', { durable: 'c' });
    const wrong = { addEventListener: () => undefined } as unknown as AbortSignal;
    const calls: [string, () => unknown][] = [
      ['signal', () => jetstream.publish('s', 1, { signal: wrong })],
      ['signal', () => jetstream.publish('s', 1, { signal: 5 as unknown as AbortSignal })],
      ['signal', () => consumer.fetch(1, { signal: wrong })],
      ['signal', () => bucket.lock('key', { signal: wrong })],
      ['codec', () => buckets.open('b', { codec: {} as never })],
      ['codec', () => buckets.open('b', { codec: 'json' as never })],
      ['ttl', () => buckets.create({ bucket: 'c', ttl: 5n as never })],
      ['sources[0]', () => buckets.create({ bucket: 'c', sources: [null as never] })],
      ['sources', () => buckets.create({ bucket: 'c', sources: 'b' as never })],
      ['placement', () => buckets.createOrUpdate({ bucket: 'c', placement: ['east'] as never })],
      ['ttl', () => stores.create({ bucket: 'c', ttl: Symbol('day') as never })],
      ['metadata.a', () => stores.create({ bucket: 'c', metadata: { a: 5 as never } })],
      ['sources[0]', () => jetstream.createStream({ name: 'C', sources: [5 as never] })],
      ['mirror.name', () => jetstream.createStream({ name: 'C', mirror: {} as never })],
      ['onElected', () => bucket.elect('key', { onElected: 5 as never })],
      ['onDeposed', () => bucket.elect('key', { onDeposed: {} as never })],
    ];
    for (const [argument, call] of calls) {
      let failure: unknown;
      try {
        await call();
      } catch (error) {
        failure = error;
      }
      expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
    }
  });
});
