import {
  Controller,
  Get,
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type INestApplication,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
  type AsyncMicroserviceOptions,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  DeadLetters,
  JetStreamEvents,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  OnJetStreamEvent,
  RetryMessage,
  type JetStreamEvent,
} from 'nestjs-nats-jetstream';
import {
  JETSTREAM_TRANSPORT,
  JetStreamEventContext,
  JetStreamServer,
  type EventExtras,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { ask, connectClient, emit, failure, startMicroservice } from './microservice.js';

let seen: string[] = [];

class Trim implements PipeTransform {
  transform(value: unknown): unknown {
    return typeof value === 'string' ? value.trim() : value;
  }
}

@Injectable()
class OnlyKnown implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Controller('orders')
@UseGuards(OnlyKnown)
class Orders {
  @Get()
  list(): string[] {
    return ['tea'];
  }

  @MessagePattern('orders.echo')
  echo(@Payload() text: string): string {
    return `[${text}]`;
  }

  @EventPattern('orders.created')
  created(@Payload() text: string): void {
    seen.push(`event [${text}]`);
  }
}

@Injectable()
class Audit {
  @JsConsumer({ stream: 'ORDERS', durable: 'audit' })
  audit(@Payload() text: string): void {
    seen.push(`audit [${text}]`);
  }
}

describe('hybrid applications', () => {
  let nats: NatsTestServer;
  let client: Awaited<ReturnType<typeof connectClient>>;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    client = await connectClient(nats.url);
  });
  afterAll(async () => {
    await client.close();
    await nats.stop();
  });
  beforeEach(() => {
    seen = [];
  });

  const sawThat = (count: number) =>
    eventually(
      () => seen,
      (all) => all.length >= count,
    );

  /** An HTTP application; `connect` adds its microservices. */
  async function startHybrid(
    metadata: { controllers?: Type[]; providers?: Type[] },
    connect: (app: INestApplication) => void,
  ): Promise<{ app: INestApplication; url: string } & AsyncDisposable> {
    @Module({
      ...metadata,
      imports: [
        JetStreamModule.forRoot({ connection: { servers: nats.url } }),
        JetStreamModule.forFeature({
          streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }],
        }),
      ],
    })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .setLogger(new LogRecorder())
      .compile();
    const app = module.createNestApplication();
    connect(app);
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    return { app, url: await app.getUrl(), [Symbol.asyncDispose]: () => app.close() };
  }

  it('serve HTTP, requests, events and decorated handlers over one connection, and close all of it', async () => {
    const hybrid = await startHybrid({ controllers: [Orders], providers: [Audit, OnlyKnown] }, (app) => {
      app.connectMicroservice({
        strategy: new JetStreamServer({ name: 'hybrid', connection: app.get(JetStreamService) }),
      });
    });
    expect(await (await fetch(`${hybrid.url}/orders`)).json()).toEqual(['tea']);
    expect(await ask(client, 'orders.echo', 'tea')).toBe('[tea]');
    await emit(client, 'orders.created', 'tea');
    // The stream stores the request too, because the pattern is one of its subjects.
    await sawThat(3);
    expect(seen).toContain('event [tea]');
    expect(seen).toContain('audit [tea]');
    const { nc } = hybrid.app.get(JetStreamService).connection;
    await hybrid.app.close();
    expect(nc.isClosed()).toBe(true);
  });

  it('use the enhancers of the microservice, or those of the application with inheritAppConfig', async () => {
    for (const inheritAppConfig of [true, false]) {
      await using hybrid = await startHybrid({ controllers: [Orders], providers: [OnlyKnown] }, (app) => {
        app.useGlobalPipes(new Trim());
        const strategy = new JetStreamServer({ name: 'hybrid', connection: { servers: nats.url } });
        app.connectMicroservice({ strategy }, { inheritAppConfig });
      });
      expect(hybrid.url).toContain('http://');
      expect(await ask(client, 'orders.echo', '  tea ')).toBe(inheritAppConfig ? '[tea]' : '[  tea ]');
    }
  });

  it('can have several strategies, each with the handlers of its transport and those of none', async () => {
    const OTHER = Symbol('other');
    @Controller()
    class Several {
      @MessagePattern('several.everywhere')
      everywhere(): string {
        return 'everywhere';
      }

      @MessagePattern('several.jetstream', JETSTREAM_TRANSPORT)
      jetstream(): string {
        return 'jetstream';
      }

      @MessagePattern('several.other', OTHER)
      other(): string {
        return 'other';
      }

      @MessagePattern('several.nats', Transport.NATS)
      nats(): string {
        return 'nats';
      }

      @EventPattern('orders.several', JETSTREAM_TRANSPORT, {
        durable: 'several',
      } satisfies EventExtras)
      on(@Payload() text: string): void {
        seen.push(text);
      }
    }
    const patterns: Record<string, string[]> = {};
    await using hybrid = await startHybrid({ controllers: [Several] }, (app) => {
      const first = new JetStreamServer({ name: 'first', connection: { servers: nats.url } });
      const second = new JetStreamServer({ name: 'second', connection: { servers: nats.url } });
      second.setTransportId(OTHER);
      app.connectMicroservice({ strategy: first });
      app.connectMicroservice({ strategy: second });
      app.connectMicroservice({ transport: Transport.NATS, options: { servers: nats.url, queue: 'nest' } });
      patterns.first = [...first.getHandlers().keys()];
      patterns.second = [...second.getHandlers().keys()];
    });
    expect(hybrid.url).toContain('http://');
    expect(patterns).toEqual({
      first: ['several.everywhere', 'several.jetstream', 'orders.several'],
      second: ['several.everywhere', 'several.other'],
    });
    for (const transport of ['jetstream', 'other', 'nats', 'everywhere']) {
      expect(await ask(client, `several.${transport}`, 1)).toBe(transport);
    }
    await emit(client, 'orders.several', 'once');
    await sawThat(1);
    expect(seen).toEqual(['once']);
  });

  it('can be only a microservice that uses connection, dead letters and events of its module', async () => {
    let fixed = false;
    @Controller()
    class Failing {
      @EventPattern('inner.failed', { retry: { maxDeliver: 1 } } satisfies EventExtras)
      failed(@Payload() text: string): void {
        if (!fixed) throw new RpcException('not yet');
        seen.push(text);
      }
    }
    @Module({
      imports: [JetStreamModule.forRoot({ connection: { servers: nats.url } })],
      controllers: [Failing],
    })
    class AppModule {}
    const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
      logger: false,
      inject: [JetStreamService, DeadLetters, JetStreamEvents],
      useFactory: (connection: JetStreamService, letters: DeadLetters, jetStreamEvents: JetStreamEvents) => ({
        strategy: new JetStreamServer({
          name: 'inner',
          streams: [{ name: 'INNER', subjects: ['inner.>'], storage: 'memory' }],
          connection,
          deadLetters: letters,
          jetStreamEvents,
        }),
      }),
    });
    await app.listen();
    await emit(client, 'inner.failed', 'tea');
    const deadLetters = app.get(DeadLetters);
    const stream = 'INNER';
    const { letters } = await eventually(
      () => deadLetters.page({ stream }),
      ({ letters: { length } }) => length === 1,
    );
    fixed = true;
    await deadLetters.replay(letters[0], { to: 'handler' });
    expect(seen).toEqual(['tea']);
    const { nc } = app.get(JetStreamService).connection;
    await app.close();
    expect(nc.isClosed()).toBe(true);
  });

  it('report their status and return their connection', async () => {
    await using own = await NatsTestServer.start();
    const server = new JetStreamServer({
      name: 'status',
      connection: { servers: own.url, reconnectTimeWait: 20 },
    });
    expect(() => server.unwrap()).toThrow('is not connected');
    const events: string[] = [];
    const module = await Test.createTestingModule({}).setLogger(new LogRecorder()).compile();
    const app = module.createNestMicroservice({ strategy: server });
    app.status.subscribe((status) => events.push(String(status)));
    app.on('disconnect', () => events.push('disconnect'));
    app.on('reconnect', () => events.push('reconnect'));
    await app.listen();
    expect(app.unwrap()).toBe(server.unwrap());
    await own.restart();
    await eventually(
      () => events,
      (all) => all.includes('reconnect'),
    );
    expect(events).toEqual(['connected', 'disconnected', 'disconnect', 'connected', 'reconnect']);
    const nc = server.unwrap();
    await app.close();
    expect(nc.isClosed()).toBe(true);
    await server.close();
  });

  it('report consumers that were deleted and recreated', async () => {
    @Injectable()
    class Watchdog {
      readonly heard: string[] = [];

      @OnJetStreamEvent('consumer-lost', 'consumer-recovered')
      on(@Payload() { type, connection, ...event }: JetStreamEvent): void {
        this.heard.push(`${type} ${connection} ${'handler' in event ? event.handler : ''}`);
      }
    }
    const told: string[] = [];
    await using hybrid = await startHybrid(
      { controllers: [Orders], providers: [OnlyKnown, Watchdog] },
      (app) => {
        const server = new JetStreamServer({
          name: 'watched',
          connection: app.get(JetStreamService),
          jetStreamEvents: app.get(JetStreamEvents),
        });
        server.on('consumer-lost', ({ source, error }) => {
          told.push(`lost ${source}: ${error.name}`);
          throw new Error('a listener that fails');
        });
        server.on('consumer-recovered', ({ source }) => told.push(`recovered ${source}`));
        app.connectMicroservice({ strategy: server });
      },
    );
    await (await hybrid.app.get(JetStreamService).stream('ORDERS')).deleteConsumer('watched_orders-created');
    const { heard } = hybrid.app.get(Watchdog);
    await eventually(
      () => heard,
      ({ length }) => length === 2,
    );
    const handler = "default @EventPattern('orders.created')";
    expect(heard).toEqual([`consumer-lost ${handler}`, `consumer-recovered ${handler}`]);
    expect(told).toEqual(['lost ORDERS: ConsumerDeletedError', 'recovered ORDERS']);
    await emit(client, 'orders.created', 'tea');
    await sawThat(1);
  });

  it('replay dead letters only to the handler that failed', async () => {
    let fixed = false;
    @Controller()
    class Failing {
      @EventPattern<unknown>('orders.failed.*', { retry: { maxDeliver: 1 } } satisfies EventExtras)
      failed(@Payload() text: string, @Ctx() { metadata }: JetStreamEventContext): void {
        if (!fixed) throw new RpcException('not yet');
        if (text === 'worse') throw new RpcException('nor now');
        seen.push(`${text} ${metadata.deliveryCount}`);
      }

      @EventPattern('orders.failed.>')
      other(@Payload() text: string): void {
        seen.push(text);
      }

      @MessagePattern('orders.refused', {
        mode: 'jetstream',
        retry: { maxDeliver: 1 },
      } satisfies RequestExtras)
      refused(): string {
        if (!fixed) throw new RetryMessage();
        seen.push('answered');
        return 'done';
      }
    }
    await using hybrid = await startHybrid({ controllers: [Failing] }, (app) => {
      app.connectMicroservice({
        strategy: new JetStreamServer({
          name: 'fixed',
          connection: app.get(JetStreamService),
          deadLetters: app.get(DeadLetters),
        }),
      });
    });
    await emit(client, 'orders.failed.a', 'bad');
    await emit(client, 'orders.failed.b', 'worse');
    await using caller = await connectClient(nats.url, { mode: 'jetstream' });
    expect((await failure(ask(caller, 'orders.refused', 1))).message).toContain('retry');
    const deadLetters = hybrid.app.get(DeadLetters);
    await eventually(
      () => deadLetters.page(),
      ({ letters }) => letters.length === 3,
    );
    await sawThat(2);
    fixed = true;
    const { replayed, failed } = await deadLetters.replayAll({}, { to: 'handler' });
    expect(seen.toSorted()).toEqual(['answered', 'bad', 'bad 2', 'worse']);
    expect(replayed).toBe(2);
    expect(failed.map(({ error }) => error.message)).toEqual([expect.stringContaining('nor now')]);
    expect((await deadLetters.page()).letters.map(({ subject }) => subject)).toEqual(['orders.failed.b']);
    await deadLetters.dropAll({});
  });

  it('close at once even if the NATS server is down', async () => {
    const own = await NatsTestServer.start();
    const connection = { servers: own.url, reconnectTimeWait: 20 };
    const service = await startMicroservice(own.url, {
      controllers: [Orders],
      providers: [OnlyKnown],
      server: { connection, streams: [{ name: 'ORDERS', subjects: ['orders.>'] }] },
    });
    const other = await connectClient(own.url, { connection });
    await own.kill();
    await eventually(
      () => service.logs.of('warn', 'NatsConnection'),
      ({ length }) => length > 0,
    );
    const closing = performance.now();
    await Promise.all([service.app.close(), other.close()]);
    expect(performance.now() - closing).toBeLessThan(2_000);
    await own.stop();
  });

  it('fail to start with the reason if their server does not respond', async () => {
    const gone = await NatsTestServer.start();
    await gone.kill();
    const module = await Test.createTestingModule({}).setLogger(new LogRecorder()).compile();
    const app = module.createNestMicroservice({
      strategy: new JetStreamServer({
        name: 'nowhere',
        connection: { servers: gone.url, waitOnFirstConnect: false },
      }),
    });
    expect((await failure(app.listen())).name).toBe('ConnectionFailedError');
    await app.close();
    await gone.stop();
  });

  it('do not start listening if they were closed while waiting for their server', async () => {
    const late = await NatsTestServer.start();
    await late.kill();
    const server = new JetStreamServer({
      name: 'late',
      connection: { servers: late.url, reconnectTimeWait: 20 },
    });
    const listening = new Promise<unknown>((resolve) => void server.listen(resolve));
    await server.close();
    await late.restart();
    expect(String(await listening)).toContain('it was closed while it was starting');
    expect(() => server.unwrap()).toThrow('is not connected');
    await late.stop();
  });

  it('serve events and durable requests on nats-server 2.9', async () => {
    await using old = await NatsTestServer.start({ version: '2.9' });
    @Controller()
    class Old {
      @EventPattern('old.event')
      on(@Payload() text: string): void {
        seen.push(text);
      }

      @MessagePattern('old.request', { mode: 'jetstream' })
      request(@Payload() text: string): string {
        return text.toUpperCase();
      }
    }
    const server = { streams: [{ name: 'OLD', subjects: ['old.>'] }] };
    await using service = await startMicroservice(old.url, { controllers: [Old], server });
    expect(service.app).toBeDefined();
    await using caller = await connectClient(old.url, { mode: 'jetstream' });
    expect(await ask(caller, 'old.request', 'tea')).toBe('TEA');
    await emit(caller, 'old.event', 'tea');
    await sawThat(1);
    const shared = { ...server, events: { consumer: 'service' as const } };
    @Controller()
    class Two {
      @EventPattern(['old.a', 'old.b'])
      on(@Payload() text: string): void {
        seen.push(text);
      }
    }
    const error = await failure(startMicroservice(old.url, { controllers: [Two], server: shared }));
    expect(error.message).toContain('several patterns on one consumer need nats-server 2.10');
  });

  it.each([undefined, '', 'a b', 'a.b', 'a>', 5])('reject the service name %j', (name) => {
    expect(() => new JetStreamServer({ name: name as string })).toThrow('the name of the service');
  });
});
