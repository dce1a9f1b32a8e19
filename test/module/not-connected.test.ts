import { Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  DeadLetters,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreToken,
  getStreamToken,
  Handlers,
  InjectKeyValue,
  InjectNatsConnection,
  InjectObjectStore,
  InjectStream,
  JetStreamModule,
  type JetStreamModuleOptions,
  JetStreamService,
  JsConsumer,
  type KeyValue,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  NotConnectedError,
  type ObjectStore,
  ObjectStoreService,
  ObjectWatch,
  OnDeadLetter,
  type Stream,
} from 'nestjs-nats-jetstream';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { Registry } from 'prom-client';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { LogRecorder } from '../support/log-recorder.js';

@Injectable()
class Shop {
  constructor(
    @InjectStream('ORDERS') readonly orders: Stream,
    @InjectKeyValue('stock') readonly stock: KeyValue<number>,
    @InjectObjectStore('files') readonly files: ObjectStore,
    @InjectNatsConnection() readonly nc: NatsConnection,
  ) {}

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    deadLetter: true,
    idempotent: { bucket: 'billed', key: 'Order-Id', ttl: 60_000 },
  })
  onOrder(@Payload() _order: unknown): void {}

  @JsConsumer({ stream: 'UNDECLARED', batch: { size: 10 }, ackPolicy: 'all', durable: 'all' })
  onBatch(): void {}

  @KvWatch('stock')
  onStock(): void {}

  @ObjectWatch('files')
  onFile(): void {}

  @NatsSubscribe('notes')
  onNote(): void {}

  @OnDeadLetter()
  onDeadLetter(): void {}
}

async function start(options: JetStreamModuleOptions = {}, logs = new LogRecorder()) {
  const registry = new Registry();
  @Module({
    imports: [
      JetStreamModule.forRoot({ connect: false, provisioning: 'assert', ...options }),
      JetStreamModule.forFeature({
        streams: [{ name: 'ORDERS', subjects: ['orders.>'], maxAge: 60_000, allowMessageTtl: true }],
        keyValues: [{ bucket: 'stock', history: 5, limitMarkerTtl: 60_000 }],
        objectStores: [{ bucket: 'files' }],
      }),
      JetStreamHealthModule,
      JetStreamMetricsModule.forRoot({ registry }),
      JetStreamOtelModule.forRoot({ tracing: { hops: true } }),
    ],
    providers: [Shop],
  })
  class AppModule {}
  const app = await Test.createTestingModule({ imports: [AppModule] })
    .setLogger(logs)
    .compile();
  await app.init();
  return { app, logs, registry, [Symbol.asyncDispose]: () => app.close() };
}

describe('forRoot({ connect: false })', () => {
  it('starts and stops an application without a server', async () => {
    const { app, logs } = await start();
    const shop = app.get(Shop);
    expect(shop.orders.name).toBe('ORDERS');
    expect(shop.orders.cachedInfo.config).toMatchObject({
      subjects: ['orders.>'],
      maxAge: 60_000,
      replicas: 1,
    });
    expect(shop.stock.bucket).toBe('stock');
    expect(shop.files.bucket).toBe('files');
    expect(
      app
        .get(Handlers)
        .list()
        .map(({ status }) => status),
    ).toEqual(Array(6).fill('stopped'));
    await app.close();
    expect(logs.of('error')).toEqual([]);
  });

  it('rejects every call that needs a server, at once', async () => {
    await using started = await start();
    const { app } = started;
    const { orders, stock, files, nc } = app.get(Shop);
    const jetstream = app.get(JetStreamService);
    const all = async (items: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of items);
    };
    const calls: Record<string, () => unknown> = {
      publish: () => jetstream.publish('orders.1', {}),
      publishAsync: () => jetstream.publishAsync('orders.1', {}).ack,
      publishBatch: () => jetstream.publishBatch([{ subject: 'orders.1' }]),
      ingest: () => jetstream.ingest([{ subject: 'orders.1' }]),
      increment: () => jetstream.increment('orders.1'),
      counter: () => jetstream.counter('orders.1'),
      accountInfo: () => jetstream.accountInfo(),
      rtt: () => jetstream.rtt(),
      createStream: () => jetstream.createStream({ name: 'A' }),
      listStreams: () => all(jetstream.listStreams()),
      consumer: () => jetstream.consumer('ORDERS', 'billing'),
      orderedConsumer: async () => (await jetstream.orderedConsumer('ORDERS')).next(),
      'stream info': () => orders.info(),
      'stream purge': () => orders.purge(),
      getMessage: () => orders.getMessage(1),
      getMessages: () => all(orders.getMessages({ startSequence: 1 })),
      createConsumer: () => orders.createConsumer({ durable: 'd' }),
      'bucket get': () => stock.get('a'),
      'bucket put': () => stock.put('a', 1),
      'bucket create': () => stock.create('a', 1, { ttl: 60_000 }),
      'bucket delete': () => stock.delete('a'),
      'bucket watch': () => stock.watch(),
      'bucket keys': () => all(stock.keys()),
      'bucket status': () => stock.status(),
      'bucket lock': () => stock.lock('a'),
      'bucket cached': () => stock.cached(),
      'object put': () => files.putString('a', 'x'),
      'object get': () => files.getString('a'),
      'object list': () => all(files.list()),
      'object watch': () => files.watch(),
      'object status': () => files.status(),
      'buckets open': () => app.get(KeyValueService).open('other'),
      'buckets names': () => all(app.get(KeyValueService).names()),
      'stores create': () => app.get(ObjectStoreService).create({ bucket: 'other' }),
      'dead letters': () => all(app.get(DeadLetters).list()),
      replay: () => app.get(DeadLetters).replay(1),
      'handlers start': () => app.get(Handlers).start('Shop.onOrder'),
      'watch start': () => app.get(Handlers).start('Shop.onStock'),
      'subscription start': () => app.get(Handlers).start('Shop.onNote'),
      'nats publish': () => nc.publish('a'),
      'nats request': () => nc.request('a'),
      'nats subscribe': () => nc.subscribe('a'),
    };
    const startedAt = performance.now();
    for (const [name, call] of Object.entries(calls)) {
      const error: unknown = await (async () => call())().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error, name).toBeInstanceOf(NotConnectedError);
      expect((error as NotConnectedError).message, name).toContain('"default"');
    }
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  it('names its connection', async () => {
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ name: 'other', connect: false })],
    }).compile();
    const nc = app.get<NatsConnection>(String(getNatsConnectionToken('other')));
    expect(() => nc.publish('a')).toThrow('The connection "other" has no server');
    await app.close();
  });

  it('checks options as usual', async () => {
    await expect(start({ bootTimeout: -1 })).rejects.toThrow('bootTimeout');
    @Injectable()
    class Wrong {
      @JsConsumer({ stream: 'ORDERS', concurrency: 0 })
      onOrder(): void {}
    }
    const wrong = Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connect: false })],
      providers: [Wrong],
    }).setLogger(new LogRecorder());
    const app = await wrong.compile();
    await expect(app.init()).rejects.toThrow('concurrency');
    const declared = Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connect: false }),
        JetStreamModule.forFeature({ streams: [{ name: 'OR DERS' }] }),
      ],
    }).setLogger(new LogRecorder());
    await expect(declared.compile()).rejects.toThrow('OR DERS');
  });

  it('reports its state to health, metrics and traces', async () => {
    await using started = await start();
    const report = await started.app.get(JetStreamHealth).connection();
    expect(JSON.stringify(report)).toContain('connect: false');
    expect(await started.registry.metrics()).toContain('jetstream');
  });

  it('lets a microservice start without listening, and its client fail', async () => {
    await using started = await start();
    const connection = started.app.get(JetStreamService);
    const server = new JetStreamServer({ name: 'billing', connection });
    server.addHandler('a', async () => 1);
    await new Promise<void>((resolve, reject) => {
      void server.listen((error?: unknown) => (error instanceof Error ? reject(error) : resolve()));
    });
    await server.close();
    const client = new JetStreamClient({ connection });
    await client.connect();
    await expect(firstValueFrom(client.send('a', 1))).rejects.toBeInstanceOf(NotConnectedError);
    await client.close();
  });

  it('lets a test replace what it injects', async () => {
    const stock = new Map<string, number>();
    @Module({
      imports: [
        JetStreamModule.forRoot({ connect: false }),
        JetStreamModule.forFeature({
          streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
          keyValues: [{ bucket: 'stock' }],
          objectStores: [{ bucket: 'files' }],
        }),
      ],
      providers: [Shop],
    })
    class AppModule {}
    const app = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(getKeyValueToken('stock'))
      .useValue({ put: async (key: string, value: number) => stock.set(key, value).size })
      .overrideProvider(getStreamToken('ORDERS'))
      .useValue({ name: 'mock' })
      .overrideProvider(getObjectStoreToken('files'))
      .useValue({})
      .setLogger(new LogRecorder())
      .compile();
    await app.init();
    await app.get(Shop).stock.put('a', 3);
    expect(stock.get('a')).toBe(3);
    expect(app.get(Shop).orders.name).toBe('mock');
    await app.close();
  });
});
