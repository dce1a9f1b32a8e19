import { createRequire } from 'node:module';
import { Injectable } from '@nestjs/common';
import { ExternalContextCreator, LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { JetStreamModule, JsConsumer, UnsupportedNestVersionError } from 'nestjs-nats-jetstream';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../microservice/microservice.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

const { version } = createRequire(import.meta.url)('@nestjs/core/package.json') as {
  readonly version: string;
};

@Injectable()
class Billing {
  @JsConsumer({ stream: 'ORDERS' })
  onOrder(): void {}
}

const restoring: (() => void)[] = [];

/** Removes a member from an object, or from the class that has it, until the end of the test. */
function take(object: object, name: string): void {
  let owner: object | null = object;
  while (owner && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object | null;
  const member = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (!owner || !member) throw new Error(`Nest itself has no ${name} any more`);
  const from = owner;
  restoring.push(() => Object.defineProperty(from, name, member));
  Reflect.deleteProperty(from, name);
}

/** An internal member of one of Nest's objects. */
function part(object: object, name: string): object {
  return (object as Readonly<Record<string, object>>)[name] ?? {};
}

describe('a version of Nest with different internals', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  afterEach(() => {
    for (const restore of restoring.splice(0)) restore();
  });

  const creators = (module: TestingModule): object => module.get(ExternalContextCreator, { strict: false });

  const shapes: [missing: string, change: (module: TestingModule) => void][] = [
    ['guardsContextCreator has no method create', (module) => take(creators(module), 'guardsContextCreator')],
    [
      'interceptorsContextCreator has no method create',
      (module) => take(part(creators(module), 'interceptorsContextCreator'), 'create'),
    ],
    ['pipesContextCreator has no method create', (module) => take(creators(module), 'pipesContextCreator')],
    [
      'pipesContextCreator has no method createConcreteContext',
      (module) => take(part(creators(module), 'pipesContextCreator'), 'createConcreteContext'),
    ],
    [
      'filtersContextCreator has no method create',
      (module) => take(creators(module), 'filtersContextCreator'),
    ],
    [
      'the handler of exception filters has no method invokeCustomFilters',
      (module) => {
        const filters = part(creators(module), 'filtersContextCreator') as {
          create(instance: object, callback: () => void, module: string): object;
        };
        take(
          filters.create({}, () => undefined, ''),
          'invokeCustomFilters',
        );
      },
    ],
    [
      'the configuration of the application has no method getGlobalRequestPipes',
      (module) =>
        take(part(part(creators(module), 'guardsContextCreator'), 'config'), 'getGlobalRequestPipes'),
    ],
    [
      'the injector of ModuleRef has no method loadPerContext',
      (module) => take(part(module.get(ModuleRef), 'injector'), 'loadPerContext'),
    ],
    [
      'a module has no distance',
      (module) => {
        const [first] = module.get(ModulesContainer).values();
        if (first) take(first, 'distance');
      },
    ],
    [
      'parameter decorators do not keep their metadata in __routeArguments__',
      () => {
        const { defineMetadata } = Reflect;
        restoring.push(() => Object.assign(Reflect, { defineMetadata }));
        const elsewhere = (key: unknown, ...rest: [unknown, object, string]): void =>
          defineMetadata(key === '__routeArguments__' ? '__arguments__' : key, ...rest);
        Object.assign(Reflect, { defineMetadata: elsewhere });
      },
    ],
    [
      'LazyModuleLoader has no method load',
      (module) => take(module.get(LazyModuleLoader, { strict: false }), 'load'),
    ],
  ];

  it.each(shapes)('stops the boot: %s', async (missing, change) => {
    const logs = new LogRecorder();
    const module = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: server.url } }),
        JetStreamModule.forFeature({
          streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }],
        }),
      ],
      providers: [Billing],
    })
      .setLogger(logs)
      .compile();
    change(module);
    const error = await failure(module.init());
    expect(error).toBeInstanceOf(UnsupportedNestVersionError);
    expect(error).toMatchObject({ missing, nestVersion: version });
    expect(error.message).toBe(
      `The installed version of Nest, ${version}, does not have the internal structure that this library requires: ${missing}. ` +
        'Install a version of Nest 11 or 12; if it is one of these, report this error.',
    );
    expect(logs.of('error')).toEqual([]);
    await eventually(connections, (count) => count === 0);
  });

  it('is rejected by a server of the transport: pipesConsumer has no method apply', async () => {
    const module = await Test.createTestingModule({}).compile();
    take(part(creators(module), 'pipesConsumer'), 'apply');
    const create = (): JetStreamServer => new JetStreamServer({ name: 'billing' });
    expect(create).toThrow(UnsupportedNestVersionError);
    expect(create).toThrow(
      `${version}, does not have the internal structure that this library requires: pipesConsumer has no method apply`,
    );
    await module.close();
  });

  async function connections(): Promise<number> {
    const response = await fetch(`${server.monitoringUrl}/connz`);
    return ((await response.json()) as { readonly num_connections: number }).num_connections;
  }
});
