import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, type INestApplicationContext } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { HandlerNotFoundError, Handlers, JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import {
  type EventExtras,
  JetStreamServer,
  type JetStreamServerOptions,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

const EVENT = "@EventPattern('work.event')";
const REQUEST = "@MessagePattern('work.request')";

/** The data of the events whose handler was called. */
let begun: unknown[] = [];
let ended: unknown[] = [];
let release: (() => void)[] = [];

async function handle(data: unknown): Promise<unknown> {
  begun.push(data);
  if (data === 'hang') await new Promise<void>((resolve) => release.push(resolve));
  ended.push(data);
  return data;
}

@Controller()
class Work {
  @EventPattern('work.event', { ackWait: 60_000 } satisfies EventExtras)
  event(@Payload() data: unknown): Promise<unknown> {
    return handle(data);
  }

  @MessagePattern('work.request', { mode: 'jetstream' } satisfies RequestExtras)
  request(@Payload() data: unknown): Promise<unknown> {
    return handle(data);
  }

  @MessagePattern('core.request')
  core(@Payload() data: unknown): Promise<unknown> {
    return handle(data);
  }
}

type Kind =
  'a hybrid application' | 'a hybrid application, own connection' | 'a microservice without a module';
const kinds: readonly Kind[] = [
  'a hybrid application',
  'a hybrid application, own connection',
  'a microservice without a module',
];

interface Started {
  readonly app: INestApplicationContext;
  readonly strategy: JetStreamServer;
  readonly health: JetStreamHealth;
  readonly handlers: Handlers;
}

describe.each(kinds)('the handlers of a JetStreamServer in %s', (kind) => {
  let nats: NatsTestServer;
  let started: Started;
  let isClosed = false;

  beforeEach(async () => {
    begun = [];
    ended = [];
    release = [];
    isClosed = false;
    nats = await NatsTestServer.start();
    started = await start();
  });
  afterEach(async () => {
    for (const go of release) go();
    if (!isClosed) await started.app.close();
    await nats.stop();
  });

  async function start(): Promise<Started> {
    const connection = { servers: nats.url, reconnectTimeWait: 20, maxReconnectAttempts: -1 };
    const hasModule = kind !== 'a microservice without a module';
    const module = await Test.createTestingModule({
      imports: [
        ...(hasModule ? [JetStreamModule.forRoot({ connection, shutdownTimeout: 2_000 })] : []),
        JetStreamHealthModule,
      ],
      controllers: [Work],
    })
      .setLogger(new LogRecorder())
      .compile();
    const options: JetStreamServerOptions = {
      name: 'worker',
      connection: kind === 'a hybrid application' ? module.get(JetStreamService) : connection,
      streams: [{ name: 'WORK', subjects: ['work.*'], storage: 'memory' }],
      shutdownTimeout: 2_000,
    };
    const strategy = new JetStreamServer(options);
    const services = { health: module.get(JetStreamHealth), handlers: module.get(Handlers), strategy };
    if (!hasModule) {
      const app = module.createNestMicroservice({ strategy });
      await app.listen();
      return { app, ...services };
    }
    const app = module.createNestApplication();
    app.connectMicroservice({ strategy });
    await app.startAllMicroservices();
    await app.init();
    return { app, ...services };
  }

  /** Stores an event as another program does. */
  async function emit(data: unknown): Promise<void> {
    const nc = await connect({ servers: nats.url });
    const packet = JSON.stringify({ pattern: 'work.event', data });
    await nc.request('work.event', packet);
    await nc.close();
  }

  it('are listed, and are healthy', async () => {
    const { handlers, health } = started;
    const connection = kind === 'a hybrid application' ? 'default' : 'worker';
    expect(handlers.list().map((state) => [state.handler, state.connection, state.status])).toEqual([
      [EVENT, connection, 'running'],
      [REQUEST, connection, 'running'],
    ]);
    const report = await health.handlers({ connection });
    expect(report).toMatchObject({
      status: 'up',
      handlers: [
        { handler: EVENT, source: 'WORK', state: 'running', pending: 0 },
        { handler: REQUEST, source: 'WORK', state: 'running', pending: 0 },
      ],
    });
    const { connections } = await health.connection();
    expect(connections.map((each) => each.connection)).toEqual(
      kind === 'a hybrid application, own connection' ? ['default', 'worker'] : [connection],
    );
    expect(health.liveness().status).toBe('up');
  });

  it('are down when an event hangs, unless they are ignored', async () => {
    const { health } = started;
    await emit('hang');
    const report = await eventually(
      () => health.handlers({ stalledAfter: 100 }),
      ({ status }) => status === 'down',
    );
    expect(report.message).toMatch(
      /^@EventPattern\('work\.event'\): It has been running for one message for \d+ ms/,
    );
    expect(health.liveness({ stalledAfter: 100 })).toMatchObject({ status: 'down', stalled: [EVENT] });
    const handlers = { [EVENT]: { ignore: true } };
    expect((await health.handlers({ stalledAfter: 100, handlers })).status).toBe('up');
    expect(health.liveness({ stalledAfter: 100, handlers }).status).toBe('up');
  });

  it('are paused, resumed, stopped and started', async () => {
    const { handlers, health } = started;
    await handlers.pause(EVENT);
    expect(handlers.get(EVENT).status).toBe('paused');
    expect((await health.handlers({ stalledAfter: 1 })).status).toBe('up');
    await emit(1);
    expect(begun).toEqual([]);
    await handlers.resume(EVENT);
    await eventually(
      () => ended,
      ({ length }) => length === 1,
    );
    await handlers.stop(EVENT);
    await emit(2);
    expect(handlers.get(EVENT).status).toBe('stopped');
    expect(begun).toEqual([1]);
    await handlers.start(EVENT);
    await eventually(
      () => ended,
      ({ length }) => length === 2,
    );
    await handlers.idle();
  });

  it('are down when their server is gone for longer than the grace', async () => {
    const { health } = started;
    await nats.kill();
    const report = await eventually(
      () => health.handlers({ grace: 100, timeout: 200 }),
      ({ status }) => status === 'down',
    );
    expect(report.handlers.map(({ handler, status }) => [handler, status])).toEqual([
      [EVENT, 'down'],
      [REQUEST, 'down'],
    ]);
    expect((await health.connection({ timeout: 200 })).status).toBe('down');
    expect(health.liveness().status).toBe('up');
    await nats.restart();
  });

  it('are not listed after their server was closed', async () => {
    const { handlers, strategy, health } = started;
    await strategy.close();
    expect(handlers.list()).toEqual([]);
    expect(() => handlers.get(EVENT)).toThrow(HandlerNotFoundError);
    expect(await health.handlers()).toEqual({ status: 'up', handlers: [] });
  });

  it('complete events in flight when the application is closed', async () => {
    await emit('hang');
    await eventually(
      () => begun,
      ({ length }) => length === 1,
    );
    const closing = started.app.close();
    isClosed = true;
    // The shutdown waits for the handler.
    expect(await Promise.race([closing.then(() => 'closed'), sleep(300, 'waiting')])).toBe('waiting');
    for (const go of release) go();
    await closing;
    expect(ended).toEqual(['hang']);
    // It was acknowledged: the next instance does not receive it.
    started = await start();
    isClosed = false;
    const { handlers } = await started.health.handlers();
    expect(handlers.map(({ pending, ackPending }) => [pending, ackPending])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
});
