import { Injectable, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  HandlerConfigurationError,
  JetStreamModule,
  JetStreamService,
  JsHandler,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { LogRecorder } from '../support/log-recorder.js';
import { consumer, decorators, options, targets, unreadable, type Untyped } from './wrong-options.js';

describe('wrong options of handlers', () => {
  let server: NatsTestServer;
  let problems: ReadonlyMap<string, string>;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    const handlers = [
      ...options.map(([name, of], i): [string, MethodDecorator[]] => [
        name,
        [
          consumer(
            Object.defineProperties({ stream: 'S', durable: `d${i}` }, Object.getOwnPropertyDescriptors(of)),
          ),
        ],
      ]),
      ...decorators.map(([name, decorate]): [string, MethodDecorator[]] => [name, [decorate]]),
      ...targets.map(([name, decorate], i): [string, MethodDecorator[]] => [
        name,
        [decorate, consumer({ stream: 'S', durable: `t${i}` })],
      ]),
    ];
    const names = handlers.map(([name]) => name);
    const failure = await failureOf(handlers.map(([, decorate], i) => handlerClass(`H${i}`, decorate)));
    if (!(failure instanceof HandlerConfigurationError)) throw failure;
    const found = failure.problems;
    problems = new Map(
      names.map((name, i) => [
        name,
        found
          .filter(({ handler }) => handler === `H${i}.handle`)
          .map(({ problem }) => problem)
          .join('\n'),
      ]),
    );
  }, 60_000);
  afterAll(() => server.stop());

  const imports = (): DynamicModule[] => [
    JetStreamModule.forRoot({ connection: { servers: server.url } }),
    JetStreamModule.forFeature({ streams: [{ name: 'S', subjects: ['s.>'], storage: 'memory' }] }),
  ];

  async function failureOf(providers: NonNullable<ModuleMetadata['providers']>): Promise<unknown> {
    const module = await Test.createTestingModule({ imports: imports(), providers })
      .setLogger(new LogRecorder())
      .compile();
    try {
      await module.init();
      return undefined;
    } catch (error) {
      return error;
    } finally {
      await module.close();
    }
  }

  it.each([...options, ...decorators, ...targets])('%s', (name, _, words) => {
    const found = problems.get(name) ?? '';
    expect(found).toMatch(words);
    expect(found.split('\n')).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a wrong codec', { stream: 'S', codec: {} }],
    ['a proxy that throws', unreadable],
  ])('of a class: %s', async (_, given) => {
    class Several {
      handle(): void {}
    }
    JsHandler('s.a')(Several.prototype, 'handle', descriptorOf(Several));
    Injectable()(Several);
    (consumer(given) as unknown as ClassDecorator)(Several);
    const failure = await failureOf([Several]);
    expect(failure).toBeInstanceOf(HandlerConfigurationError);
    expect(String(failure)).toMatch(
      /- Several: (the options must be|codec must be|its options cannot be created)/,
    );
  });

  it.each<[string, unknown[]]>([
    ['none', []],
    ['a number', [5]],
    ['null', [null]],
    ['an object', [{ subject: 's.a' }]],
  ])('a pattern of @JsHandler: %s', async (_, patterns) => {
    class Several {
      handle(): void {}
    }
    (JsHandler as unknown as Untyped)(...patterns)(Several.prototype, 'handle', descriptorOf(Several));
    Injectable()(Several);
    (consumer({ stream: 'S', durable: 'several' }) as unknown as ClassDecorator)(Several);
    expect(String(await failureOf([Several]))).toContain(
      '- Several: the pattern of handle must be a subject; it is',
    );
  });

  describe('can be inherited:', () => {
    class Settings {
      get stream(): string {
        return 'S';
      }
      get durable(): string {
        return 'inherited';
      }
      get retry(): object {
        return Object.create({ maxDeliver: 7, backoff: [10] }) as object;
      }
    }
    it.each<[string, () => object]>([
      ['from a prototype', () => Object.create(new Settings()) as object],
      ['as accessors of a class', () => new Settings()],
      ['as accessors of a class created by a factory', () => ({ useFactory: () => new Settings() })],
      [
        'from an object without a prototype',
        () => Object.assign(Object.create(null) as object, { ...read(new Settings()) }),
      ],
      ['and be frozen', () => Object.freeze({ ...read(new Settings()) })],
    ])('%s', async (_, given) => {
      const feature = { streams: [{ name: 'S', subjects: ['s.>'], storage: 'memory' as const }] };
      const provider = handlerClass('Inheriting', [consumer(given())]);
      await using application = await startApplication(server.url, { feature, providers: [provider] });
      const jetstream = application.app.get(JetStreamService);
      const { cachedInfo } = await jetstream.consumer('S', 'inherited');
      expect(cachedInfo.config.maxDeliver).toBe(7);
      await jetstream.deleteStream('S');
    });
  });

  it('do not include undefined options', async () => {
    const feature = { streams: [{ name: 'S', subjects: ['s.>'], storage: 'memory' as const }] };
    const given = {
      stream: 'S',
      durable: 'undefined',
      codec: undefined,
      retry: undefined,
      concurrency: undefined,
    };
    const provider = handlerClass('Undefined', [consumer(given)]);
    await using application = await startApplication(server.url, {
      feature,
      providers: [provider],
      options: { handlers: { retry: { maxDeliver: 4 } } },
    });
    const { cachedInfo } = await application.app.get(JetStreamService).consumer('S', 'undefined');
    expect(cachedInfo.config.maxDeliver).toBe(4);
  });
});

function read({ stream, durable, retry }: { stream: string; durable: string; retry: object }): object {
  return { stream, durable, retry };
}

function handlerClass(name: string, decorate: readonly MethodDecorator[]): new () => object {
  class Handler {
    handle(): void {}
  }
  Object.defineProperty(Handler, 'name', { value: name });
  Injectable()(Handler);
  for (const each of decorate) each(Handler.prototype, 'handle', descriptorOf(Handler));
  return Handler;
}

function descriptorOf(type: { readonly prototype: object }): PropertyDescriptor {
  return Object.getOwnPropertyDescriptor(type.prototype, 'handle') ?? {};
}
