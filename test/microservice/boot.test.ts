import { Controller, type INestApplicationContext, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  BootTimeoutError,
  HandlerConfigurationError,
  JetStreamModule,
  JetStreamService,
  type RetentionPolicy,
  type StreamDeclaration,
} from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamRecordBuilder,
  JetStreamServer,
  type EventExtras,
  type JetStreamServerOptions,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer, NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/timing/index.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { ask, connectClient, emit, failure, startMicroservice } from './microservice.js';

let seen: unknown[] = [];

@Controller()
class Orders {
  @EventPattern('orders.created')
  created(@Payload() data: unknown): void {
    seen.push(data);
  }

  @MessagePattern('orders.count', { mode: 'jetstream' } satisfies RequestExtras)
  count(): number {
    return 7;
  }
}

@Controller()
class Core {
  @MessagePattern('core.ping')
  ping(): string {
    return 'pong';
  }
}

/** An application with a connection, to which servers can be added. */
interface Host extends AsyncDisposable {
  readonly app: INestApplicationContext;
  readonly jetstream: JetStreamService;
  readonly logs: LogRecorder;
  listen(options: Partial<JetStreamServerOptions>): Promise<JetStreamServer>;
}

async function startHost(url: string, controllers: Type[] = [Orders], bootTimeout?: number): Promise<Host> {
  const logs = new LogRecorder();
  const connection = { servers: url, ignoreClusterUpdates: true, reconnectTimeWait: 50 };
  const options = {
    connection,
    jetstream: { timeout: 500 },
    shutdownTimeout: 1_000,
    ...(bootTimeout === undefined ? {} : { bootTimeout }),
  };
  const module = await Test.createTestingModule({ imports: [JetStreamModule.forRoot(options)], controllers })
    .setLogger(logs)
    .compile();
  const app = module.createNestApplication();
  await app.init();
  return {
    app,
    jetstream: app.get(JetStreamService),
    logs,
    listen: async (own) => {
      const server = new JetStreamServer({ name: 'orders', connection, jetstream: { timeout: 500 }, ...own });
      await app.connectMicroservice({ strategy: server }).listen();
      return server;
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** Starts to listen; the result is for {@link failure}, which prints it if there is no error. */
async function startListening(host: Host, options: Partial<JetStreamServerOptions>): Promise<void> {
  await host.listen(options);
}

/** The connection of a server: its own, or that of the application. */
const WAYS = ['own', 'shared'] as const;

function connectionOf(way: (typeof WAYS)[number], { jetstream }: Host): Partial<JetStreamServerOptions> {
  return way === 'own' ? {} : { connection: jetstream, jetstream: undefined };
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

describe('a microservice that starts on a cluster', () => {
  let cluster: NatsTestCluster;
  const streams = (replicas: number): StreamDeclaration[] => [
    { name: 'ORDERS', subjects: ['orders.>'], replicas, storage: 'memory' },
  ];

  beforeAll(async () => {
    cluster = await NatsTestCluster.start(3);
  });
  afterAll(() => cluster.stop());
  beforeEach(() => {
    seen = [];
  });
  afterEach(async () => {
    for (const server of cluster.servers) server.resume();
    await cluster.ready();
    await using host = await startHost(cluster.servers[0].url, []);
    await host.jetstream.deleteStream('ORDERS').catch(() => undefined);
  });

  it.each(WAYS)(
    'continues when the cluster has elected its leader, with a connection that is %s',
    async (way) => {
      await using host = await startHost(cluster.servers[0].url);
      const [, ...others] = cluster.servers;
      for (const server of others) server.pause();
      const timer = setTimeout(() => others.forEach((server) => server.resume()), 2_500);
      await host.listen({ streams: streams(3), ...connectionOf(way, host) });
      clearTimeout(timer);
      await using client = await connectClient(cluster.servers[0].url, { mode: 'jetstream' });
      await emit(client, 'orders.created', 'tea');
      expect(await ask(client, 'orders.count', 1)).toBe(7);
      await eventually(
        () => seen,
        (all) => all.includes('tea'),
      );
      expect(host.logs.of('warn', 'NatsConnection').join()).toContain('failed and is retried');
    },
  );

  it.each(WAYS)('fails after bootTimeout with one error, with a connection that is %s', async (way) => {
    await using host = await startHost(cluster.servers[0].url);
    const [, ...others] = cluster.servers;
    for (const server of others) server.pause();
    let error: Error | undefined;
    const took = await timed(async () => {
      error = await failure(
        startListening(host, { bootTimeout: 1_000, streams: streams(3), ...connectionOf(way, host) }),
      );
    });
    expect(took).toBeLessThan(5_000);
    expect(error).toBeInstanceOf(BootTimeoutError);
    expect(String(error)).toMatch(/within 1000 ms \(last step: STREAM\.(INFO|CREATE)\.ORDERS\): /);
    for (const server of others) server.resume();
  });

  it('has the bootTimeout of the module whose connection it shares', async () => {
    await using host = await startHost(cluster.servers[0].url, [Orders], 800);
    const [, ...others] = cluster.servers;
    for (const server of others) server.pause();
    const error = await failure(
      startListening(host, { streams: streams(3), ...connectionOf('shared', host) }),
    );
    for (const server of others) server.resume();
    expect(String(error)).toContain('within 800 ms');
  });

  it('does not affect the timeout of requests of a running application', async () => {
    await using host = await startHost(cluster.servers[0].url);
    const [, ...others] = cluster.servers;
    for (const server of others) server.pause();
    const listening = host.listen({
      bootTimeout: 3_000,
      streams: streams(3),
      ...connectionOf('shared', host),
    });
    const settled = failure(listening);
    const took = await timed(() => failure(host.jetstream.stream('ORDERS')));
    expect(took).toBeLessThan(2_000);
    await settled;
    for (const server of others) server.resume();
  });
});

describe('a request whose subject a stream listens on', () => {
  it('is reported at boot, and by the error of a caller that receives no answer', async () => {
    await using nats = await NatsTestServer.start();
    @Controller()
    class Pings {
      @MessagePattern('core.ping')
      ping(): Promise<never> {
        return new Promise(() => undefined);
      }
      @MessagePattern('core.stored', { mode: 'jetstream' } satisfies RequestExtras)
      stored(): string {
        return 'stored';
      }
      @MessagePattern('other.ping')
      other(): string {
        return 'pong';
      }
    }
    await using service = await startMicroservice(nats.url, {
      controllers: [Pings],
      server: { streams: [{ name: 'CORE', subjects: ['core.*'] }], shutdownTimeout: 100 },
    });
    expect(service.logs.of('warn', 'JetStreamServer')).toEqual([
      `@MessagePattern('core.ping'): the stream "CORE" listens on "core.*", so it stores each request too. ` +
        "Remove the subject from the stream, or set mode: 'jetstream' so that the requests wait in the stream",
    ]);
    await using client = await connectClient(nats.url, { timeout: 300 });
    const error = await failure(ask(client, 'core.stored', 1));
    expect(error).toMatchObject({ name: 'RequestTimeoutError', storedBy: 'CORE', subject: 'core.stored' });
    expect(error.message).toContain('the stream "CORE" stored the request');
    const record = new JetStreamRecordBuilder(1).setMode('jetstream').setTimeout(5_000).build();
    expect(await ask(client, 'core.stored', record)).toBe('stored');
    expect(await ask(client, 'other.ping', 1)).toBe('pong');
  });
});

describe('a microservice that starts on a server that hangs', () => {
  let nats: NatsTestServer;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
  });
  afterAll(() => nats.stop());
  afterEach(() => nats.resume());

  it.each([
    ['streams and consumers', [Orders], [{ name: 'ORDERS', subjects: ['orders.>'] }]],
    ['requests', [Core], []],
  ])('fails within bootTimeout, with a connection that is shared: %s', async (_, controllers, streams) => {
    await using host = await startHost(nats.url, controllers);
    nats.pause();
    let error: Error | undefined;
    const took = await timed(async () => {
      error = await failure(
        startListening(host, { bootTimeout: 1_000, streams, ...connectionOf('shared', host) }),
      );
    });
    expect(error).toBeInstanceOf(BootTimeoutError);
    expect(took).toBeLessThan(4_000);
    nats.resume();
    // Nothing may start afterwards.
    await using client = await connectClient(nats.url);
    await host.jetstream.connection.nc.flush();
    await sleep(300);
    expect((await failure(ask(client, 'core.ping', 1))).name).toBe('NoRespondersError');
    const consumers: string[] = [];
    for await (const stream of host.jetstream.streamNames())
      for await (const consumer of host.jetstream.consumerNames(stream)) consumers.push(consumer);
    expect(consumers).toEqual([]);
  });
});

describe('a microservice that is closed before it listens', () => {
  it('stops waiting for its server', async () => {
    const gone = await NatsTestServer.start();
    await gone.kill();
    const server = new JetStreamServer({ name: 'late', connection: { servers: gone.url } });
    const listening = new Promise<unknown>((resolve) => void server.listen(resolve));
    await sleep(100);
    expect(await timed(() => server.close())).toBeLessThan(500);
    expect(String(await listening)).toContain('it was closed while it was starting');
    await gone.stop();
  });

  it.each(['gone', 'hanging'])('also stops the wait of its client: the server is %s', async (how) => {
    const nats = await NatsTestServer.start();
    if (how === 'gone') await nats.kill();
    else nats.pause();
    const client = new JetStreamClient({ connection: { servers: nats.url, waitOnFirstConnect: true } });
    const connecting = failure(client.connect());
    await sleep(100);
    expect(await timed(() => client.close())).toBeLessThan(1_500);
    expect((await connecting).name).toBe('ConnectionClosedError');
    await nats.stop();
  });

  it('closes a connection that opens afterwards', async () => {
    await using nats = await NatsTestServer.start();
    await using host = await startHost(nats.url, []);
    nats.pause();
    const client = new JetStreamClient({ connection: { servers: nats.url, name: 'too late' } });
    const connecting = failure(client.connect());
    await sleep(100);
    await client.close();
    await connecting;
    nats.resume();
    await host.jetstream.connection.nc.flush();
    const names = async (): Promise<string[]> => {
      const { connections } = (await (await fetch(`${nats.monitoringUrl}/connz`)).json()) as {
        connections: { name?: string }[];
      };
      return connections.map(({ name = '' }) => name);
    };
    expect(await eventually(names, (all) => !all.includes('too late'))).not.toContain('too late');
  });
});

describe('a microservice on a stream with schedules', () => {
  let nats: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
  });
  afterAll(() => nats.stop());
  beforeEach(() => {
    seen = [];
  });

  /** Starts a microservice with one handler on its own stream. */
  async function listen(
    retention: RetentionPolicy,
    extras: EventExtras,
    patterns = ['>'],
  ): Promise<Host & { readonly subject: string }> {
    const subject = `plans${++serial}`;

    @Controller()
    class Plans {
      @EventPattern(patterns.map((pattern) => `${subject}.${pattern}`), extras)
      on(@Payload() data: unknown): void {
        seen.push(data);
      }
    }
    const host = await startHost(nats.url, [Plans]);
    const stream = {
      name: subject,
      subjects: [`${subject}.>`],
      retention,
      storage: 'memory',
      allowMessageSchedules: true,
      allowMessageTtl: true,
    } as const;
    try {
      await host.listen({ streams: [stream] });
      return { ...host, subject };
    } catch (error) {
      await host.app.close();
      throw error;
    }
  }

  it.each<[string, EventExtras]>([
    ['one by one', {}],
    ['in order', { ordered: true }],
    ['in every instance', { broadcast: true }],
    ['without acknowledgements', { ackMode: 'none', deadLetter: false }],
  ])('handles scheduled messages, but not the schedules (%s)', async (_, extras) => {
    await using host = await listen('limits', extras);
    const { jetstream, subject } = host;
    await jetstream.publish(`${subject}.schedules.a`, '"later"', {
      schedule: { at: new Date(Date.now() + 1_000), target: `${subject}.due` },
    });
    await jetstream.publish(`${subject}.now`, '"now"');
    await eventually(
      () => seen,
      (all) => all.length === 2,
    );
    expect(seen).toEqual(['now', 'later']);
  });

  it.each<RetentionPolicy>(['workqueue', 'interest'])(
    'with retention %s rejects a handler of all subjects',
    async (retention) => {
      const error = await failure(listen(retention, {}).then(() => undefined));
      expect(error).toBeInstanceOf(HandlerConfigurationError);
      expect(String(error)).toContain('receives all messages of stream');
    },
  );

  it('with retention workqueue keeps a schedule that a pattern matches', async () => {
    await using host = await listen('workqueue', {}, ['a', 'b']);
    const { jetstream, subject } = host;
    await jetstream.publish(`${subject}.a`, '"later"', {
      schedule: { at: new Date(Date.now() + 1_000), target: `${subject}.b` },
    });
    await eventually(
      () => seen,
      (all) => all.length === 1,
    );
    expect(seen).toEqual(['later']);
  });
});
