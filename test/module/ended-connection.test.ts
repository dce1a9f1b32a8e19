import { Controller, Injectable } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  Handlers,
  JetStreamError,
  JetStreamModule,
  JsConsumer,
  KvWatch,
  ObjectWatch,
  NatsSubscribe,
  type JetStreamFeatureOptions,
} from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamRecordBuilder, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogRecorder } from '../support/log-recorder.js';
import { ask, emit, failure } from '../microservice/microservice.js';

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

const ENDS: readonly (readonly [string, (nc: NatsConnection) => unknown])[] = [
  ['closed', (nc) => nc.close()],
  ['drained', (nc) => nc.drain()],
  ['draining', (nc) => void nc.drain().catch(() => undefined)],
];

@Injectable()
class All {
  @JsConsumer({ stream: 'TASKS', durable: 'pull' })
  pull(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'TASKS', durable: 'push', push: {} })
  push(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'TASKS', ordered: true })
  ordered(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'TASKS', durable: 'batch', batch: { size: 2 } })
  batch(@Payload() _: unknown): void {}
  @KvWatch('bucket')
  key(): void {}
  @ObjectWatch('files')
  object(): void {}
  @NatsSubscribe('core')
  core(@Ctx() _: unknown): void {}
}

@Controller()
class Service {
  @MessagePattern('double')
  double(@Payload() n: number): number {
    return 2 * n;
  }
  @EventPattern('tasks.done', { stream: 'TASKS', durable: 'done' })
  done(@Payload() _: unknown): void {}
}

const feature: JetStreamFeatureOptions = {
  streams: [{ name: 'TASKS', subjects: ['tasks.*'], storage: 'memory' }],
  keyValues: [{ bucket: 'bucket', storage: 'memory' }],
  objectStores: [{ bucket: 'files', storage: 'memory' }],
};

async function boot(
  connection: NatsConnection,
  { declared = feature, providers = [All] as (new () => object)[] } = {},
) {
  const app = await Test.createTestingModule({
    imports: [JetStreamModule.forRoot({ connection }), JetStreamModule.forFeature(declared)],
    providers,
  })
    .setLogger(new LogRecorder())
    .compile();
  await app.init();
  return app;
}

describe.each(ENDS)('on a connection of the application that is %s', (_, end) => {
  it.each([
    ['declarations', feature, []],
    ['handlers', {}, [All]],
    ['a subscription alone', {}, [class Core extends CoreOnly {}]],
  ] as const)('an application with %s does not start', async (__, declared, providers) => {
    const nc = await connect({ servers: server.url });
    await end(nc);
    const error = await failure(boot(nc, { declared, providers: [...providers] }));
    expect(error).toBeInstanceOf(JetStreamError);
    expect(error.message).toMatch(/connection "default" is closed/);
    await nc.closed();
  });

  it('a microservice does not start', async () => {
    const nc = await connect({ servers: server.url });
    await end(nc);
    const module = await Test.createTestingModule({ controllers: [Service] })
      .setLogger(new LogRecorder())
      .compile();
    const microservice = module.createNestMicroservice({
      strategy: new JetStreamServer({ name: 'service', connection: nc }),
    });
    expect(await failure(microservice.listen())).toBeInstanceOf(JetStreamError);
    await microservice.close();
    await nc.closed();
  });

  it('handlers are not started and stay stopped', async () => {
    const nc = await connect({ servers: server.url });
    const app = await boot(nc);
    const handlers = app.get(Handlers);
    const names = handlers.list().map(({ handler }) => handler);
    for (const name of names) await handlers.pause(name);
    await end(nc);
    const errors: unknown[] = [];
    for (const name of names) {
      for (const act of ['resume', 'start', 'pause', 'stop'] as const) {
        await handlers[act](name).catch((error: unknown) => errors.push(error));
      }
    }
    expect(errors.filter((error) => !(error instanceof ConnectionClosedError))).toEqual([]);
    await nc.closed();
    expect(handlers.list().map(({ status }) => status)).toEqual(names.map(() => 'stopped'));
    await app.close();
  });

  it.each([
    ['send', (client: JetStreamClient) => ask(client, 'double', 1)],
    ['emit', (client: JetStreamClient) => emit(client, 'tasks.done', 1)],
    ['send, with the mode jetstream', (client: JetStreamClient) => ask(client, 'tasks.done', 1)],
    [
      'emit, with the mode core',
      (client: JetStreamClient) =>
        emit(client, 'tasks.done', new JetStreamRecordBuilder(1).setMode('core').build()),
    ],
  ])('a client fails: %s', async (name, call) => {
    const mode = name.endsWith('jetstream') ? 'jetstream' : 'core';
    const nc = await connect({ servers: server.url });
    const client = new JetStreamClient({ connection: nc, mode, timeout: 5_000 });
    await client.connect();
    await end(nc);
    expect(await failure(call(client))).toBeInstanceOf(ConnectionClosedError);
    await client.close();
    await nc.closed();
  });
});

@Injectable()
class CoreOnly {
  @NatsSubscribe('core')
  core(@Ctx() _: unknown): void {}
}
