import {
  Controller,
  Injectable,
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type OnModuleDestroy,
  type Type,
} from '@nestjs/common';
import { ClientsModule, EventPattern, MessagePattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { getJetStreamToken, JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import {
  JETSTREAM_TRANSPORT,
  JetStreamClient,
  JetStreamServer,
  type JetStreamServerOptions,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../lib/timing/index.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

/** The shutdown timeout of modules and servers, in milliseconds. */
const TIMEOUT = 2_000;
/** How much longer closing may take: less than another `TIMEOUT`. */
const MORE = 1_600;
const OTHER_TRANSPORT = Symbol('other');

type Handle = (name: string) => unknown;

/** The parts of an application, besides a module with one connection and one handler. */
interface Arrangement {
  /** Whether the application is only a microservice, without HTTP. */
  readonly standalone?: boolean;
  /** Whether there is a second named connection, with a handler of its own. */
  readonly second?: boolean;
  /** Whether there is a client. */
  readonly client?: boolean;
  /** The connection of each microservice. */
  readonly servers: readonly ('shared' | 'own' | 'second')[];
}

interface Running {
  readonly app: INestApplicationContext;
  /** The names of the handlers that have begun. */
  readonly begun: string[];
  readonly jetstream: JetStreamService;
  /** How many handlers there are. */
  readonly handlers: number;
  readonly logs: LogRecorder;
}

function moduleOf(url: string, { second, client }: Arrangement, handle: Handle): DynamicModule {
  @Injectable()
  class Workers {
    @JsConsumer({ stream: 'WORK', durable: 'first', filterSubjects: 'work.all' })
    first(): unknown {
      return handle('first');
    }
  }

  @Injectable()
  class MoreWorkers {
    @JsConsumer({ stream: 'WORK', durable: 'second', filterSubjects: 'work.all', connection: 'second' })
    second(): unknown {
      return handle('second');
    }
  }

  @Module({})
  class AppModule {}
  const options = { connection: { servers: url, reconnectTimeWait: 50 }, shutdownTimeout: TIMEOUT };
  return {
    module: AppModule,
    imports: [
      JetStreamModule.forRoot(options),
      ...(second ? [JetStreamModule.forRoot({ ...options, name: 'second' })] : []),
      ...(client
        ? [
            ClientsModule.register([
              { name: 'CLIENT', customClass: JetStreamClient, options: { connection: options.connection } },
            ]),
          ]
        : []),
      JetStreamModule.forFeature({ streams: [{ name: 'WORK', subjects: ['work.*'], storage: 'memory' }] }),
    ],
    providers: second ? [Workers, MoreWorkers] : [Workers],
    controllers: [controllerOf(JETSTREAM_TRANSPORT, handle), controllerOf(OTHER_TRANSPORT, handle)],
  };
}

function controllerOf(transport: symbol, handle: Handle): Type {
  const name = transport === OTHER_TRANSPORT ? 'other' : 'one';

  @Controller()
  class Service {
    @EventPattern<unknown>('work.all', transport)
    event(): unknown {
      return handle(`event of ${name}`);
    }

    @MessagePattern('ask', transport)
    request(): unknown {
      return handle(`request of ${name}`);
    }
  }
  return Service;
}

/** Starts an application and waits until all its handlers have begun. */
async function start(
  url: string,
  arrangement: Arrangement,
  work: Handle,
  more: readonly Type[] = [],
): Promise<Running> {
  const begun: string[] = [];
  const handle: Handle = (name) => {
    begun.push(name);
    return work(name);
  };
  const logs = new LogRecorder();
  const appModule = moduleOf(url, arrangement, handle);
  const module = await Test.createTestingModule({ imports: [appModule], providers: [...more] })
    .setLogger(logs)
    .compile();
  const servers = arrangement.servers.map((kind, i) => {
    const connection: JetStreamServerOptions['connection'] =
      kind === 'own'
        ? { servers: url, reconnectTimeWait: 50 }
        : module.get<JetStreamService>(getJetStreamToken(kind === 'shared' ? undefined : 'second'), {
            strict: false,
          });
    const server = new JetStreamServer({ name: `server-${i}`, connection, shutdownTimeout: TIMEOUT });
    if (i === 1) server.setTransportId(OTHER_TRANSPORT);
    return server;
  });
  let app: INestApplicationContext;
  if (arrangement.standalone) {
    const microservice = module.createNestMicroservice({ strategy: servers[0] });
    await microservice.listen();
    app = microservice;
  } else {
    const application = module.createNestApplication();
    for (const strategy of servers) application.connectMicroservice({ strategy });
    await application.startAllMicroservices();
    await application.listen(0, '127.0.0.1');
    app = application;
  }
  if (arrangement.client) await app.get<JetStreamClient>('CLIENT').connect();
  return {
    app,
    begun,
    jetstream: app.get(JetStreamService),
    handlers: 1 + (arrangement.second ? 1 : 0) + 2 * servers.length,
    logs,
  };
}

async function occupy({ jetstream, begun, handlers }: Running): Promise<void> {
  await jetstream.publish('work.all', 1);
  jetstream.connection.nc.publish('ask', '1');
  await eventually(
    () => begun,
    (all) => new Set(all).size === handlers,
  );
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

const arrangements: readonly (readonly [string, Arrangement])[] = [
  ['a server that shares the connection', { servers: ['shared'] }],
  ['a server with a connection of its own', { servers: ['own'] }],
  ['two servers with connections of their own', { servers: ['own', 'own'] }],
  ['two servers, one of them on the connection of the module', { servers: ['shared', 'own'] }],
  ['two named connections, a server on each', { second: true, servers: ['shared', 'second'] }],
  ['two named connections, a microservice and a client', { second: true, client: true, servers: ['own'] }],
  ['a microservice alone, with a connection of its own', { standalone: true, servers: ['own'] }],
  ['a microservice alone, on the connection of its module', { standalone: true, servers: ['shared'] }],
];

/** One of each kind. */
const some = arrangements.filter((_, i) => i % 2 === 1);

describe.concurrent('a shutdown takes one shutdownTimeout in all', () => {
  it.each(arrangements)('while all handlers hang: %s', async (_, arrangement) => {
    await using nats = await NatsTestServer.start();
    const running = await start(nats.url, arrangement, () => new Promise(() => undefined));
    await occupy(running);
    const took = await timed(() => running.app.close());
    expect(took).toBeGreaterThan(TIMEOUT - 200);
    expect(took).toBeLessThan(TIMEOUT + MORE);
  });

  it.each(arrangements)('while all handlers and the NATS server hang: %s', async (_, arrangement) => {
    await using nats = await NatsTestServer.start();
    const running = await start(nats.url, arrangement, () => new Promise(() => undefined));
    await occupy(running);
    nats.pause();
    const took = await timed(() => running.app.close());
    nats.resume();
    expect(took).toBeLessThan(TIMEOUT + MORE);
  });

  it.each(some)('while the NATS server hangs: %s', async (_, arrangement) => {
    await using nats = await NatsTestServer.start();
    const running = await start(nats.url, arrangement, () => undefined);
    nats.pause();
    const took = await timed(() => running.app.close());
    nats.resume();
    expect(took).toBeLessThan(TIMEOUT + MORE);
  });

  it.each(some)('and a handler that hangs leaves enough time for the others: %s', async (_, arrangement) => {
    await using nats = await NatsTestServer.start();
    const ended: string[] = [];
    const running = await start(nats.url, arrangement, async (name) => {
      if (name === 'event of one') return new Promise(() => undefined);
      await sleep(TIMEOUT / 2);
      ended.push(name);
      return name;
    });
    await occupy(running);
    await running.app.close();
    expect(new Set(ended)).toEqual(new Set(running.begun.filter((name) => name !== 'event of one')));
  });

  it.each(arrangements)('before providers are destroyed: %s', async (_, arrangement) => {
    await using nats = await NatsTestServer.start();
    const seen: string[] = [];

    @Injectable()
    class Database implements OnModuleDestroy {
      onModuleDestroy(): void {
        seen.push('destroyed');
      }
    }
    const running = await start(
      nats.url,
      arrangement,
      async (name) => {
        await sleep(400);
        seen.push(name);
      },
      [Database],
    );
    await occupy(running);
    await running.app.close();
    expect(seen.at(-1)).toBe('destroyed');
    expect(seen).toHaveLength(running.begun.length + 1);
  });
});
