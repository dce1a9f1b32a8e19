import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  BootTimeoutError,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreToken,
  Handlers,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KvWatch,
  type JetStreamModuleOptions,
  type KeyValue,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { NatsTestServer, NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

it('fails a boot without permission for the JetStream API at once, with the subject', async () => {
  const permissions = { publish: { deny: ['$JS.API.>'] } };
  await using server = await NatsTestServer.start({
    users: [{ user: 'u', permissions }],
    noAuthUser: 'u',
  });
  const began = performance.now();
  const booting = startApplication(server.url, {
    feature: { streams: [{ name: 'S', subjects: ['s'] }] },
    providers: [handlers('S', 'b')],
  });
  await expect(booting).rejects.toThrow(/no permission to publish to "\$JS\.API\./);
  expect(performance.now() - began).toBeLessThan(4_000);
});

/** A handler, and a watch. */
function handlers(stream: string, bucket: string): new () => object {
  @Injectable()
  class Both {
    @JsConsumer({ stream, durable: 'handler', deadLetter: true, idempotent: { bucket: `${bucket}_done` } })
    handle(): void {}

    @KvWatch(bucket)
    watch(): void {}
  }
  return Both;
}

/** A handler that records its payloads. */
function worker(stream: string, seen: unknown[] = []): new () => object {
  @Injectable()
  class Worker {
    @JsConsumer({ stream, durable: 'worker' })
    on(@Payload() value: unknown): void {
      seen.push(value);
    }
  }
  return Worker;
}

/** The configuration with which another server joins a cluster. */
function routesTo({ servers }: NatsTestCluster): Promise<string[]> {
  return Promise.all(
    servers.map(async ({ monitoringUrl }) => {
      const varz = (await (await fetch(`${monitoringUrl}/varz`)).json()) as {
        cluster: { cluster_port: number };
      };
      return `nats://127.0.0.1:${varz.cluster.cluster_port}`;
    }),
  );
}

describe('a boot on a cluster', () => {
  let cluster: NatsTestCluster;

  beforeAll(async () => {
    cluster = await NatsTestCluster.start(3);
  });
  afterAll(() => cluster.stop());
  afterEach(() => {
    for (const server of cluster.servers) server.resume();
  });

  const start = (name: string, options: JetStreamModuleOptions): Promise<TestApplication> =>
    startApplication(cluster.servers[0].url, {
      connection: { ignoreClusterUpdates: true },
      options,
      feature: {
        streams: [{ name, subjects: [name.toLowerCase()], replicas: 3 }],
        keyValues: [{ bucket: name.toLowerCase(), replicas: 3 }],
      },
      providers: [handlers(name, name.toLowerCase())],
    });

  it('continues when the cluster has elected its leader', async () => {
    const [, ...others] = cluster.servers;
    for (const server of others) server.pause();
    const timer = setTimeout(() => others.forEach((server) => server.resume()), 2_000);
    await using application = await start('ELECTING', { jetstream: { timeout: 500 } });
    clearTimeout(timer);
    await application.app.get(JetStreamService).publish('electing', 1);
    expect(application.logs.of('warn', 'NatsConnection').join()).toContain('failed and is retried');
  });

  it(
    'continues when the cluster elects its leader after 20 s, with the defaults',
    { timeout: 120_000 },
    async () => {
      const [, ...others] = cluster.servers;
      for (const server of others) server.pause();
      const began = performance.now();
      const timer = setTimeout(() => others.forEach((server) => server.resume()), 20_000);
      await using application = await start('SLOW_ELECTION', {});
      clearTimeout(timer);
      expect(performance.now() - began).toBeGreaterThan(19_000);
      const { app } = application;
      expect(app.get(Handlers).list()).toMatchObject([{ status: 'running' }, { status: 'running' }]);
      await app.get(JetStreamService).publish('slow_election', 1);
      await eventually(
        () => app.get(Handlers).get('Both.handle').handled,
        (handled) => handled === 1,
        30_000,
      );
    },
  );

  it('fails after bootTimeout with one error that names the pending operation', async () => {
    const [, ...others] = cluster.servers;
    for (const server of others) server.pause();
    const began = Date.now();
    const error: unknown = await start('LEADERLESS', {
      bootTimeout: 1_000,
      jetstream: { timeout: 400 },
    }).catch((thrown: unknown) => thrown);
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(error).toBeInstanceOf(BootTimeoutError);
    expect(String(error)).toMatch(
      /Connection "default": .* within 1000 ms \(last step: STREAM\.(INFO|CREATE)\.(LEADERLESS|KV_leaderless)\): /,
    );
  });

  /** The servers reject the creation at first, or permanently: `no suitable peers for placement`. */
  describe('without suitable servers for its replicas', () => {
    const spoken = /no suitable peers for placement/;

    it('fails after bootTimeout with the error of the server if no server has the tags', async () => {
      const began = Date.now();
      const error: unknown = await startApplication(cluster.urls, {
        options: { bootTimeout: 1_000 },
        feature: {
          streams: [{ name: 'NOWHERE', subjects: ['nowhere'], placement: { tags: ['no-server-has-this'] } }],
        },
      }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(BootTimeoutError);
      expect(String(error)).toMatch(/within 1000 ms \(last step: STREAM\.CREATE\.NOWHERE\): /);
      expect(String(error)).toMatch(spoken);
      expect((error as BootTimeoutError).cause).toMatchObject({ code: 10_005 });
      expect(Date.now() - began).toBeGreaterThan(890);
      expect(Date.now() - began).toBeLessThan(4_000);
    });

    it('continues when the servers start', async () => {
      await using small = await NatsTestCluster.start(2);
      const logs = new LogRecorder();
      const starting = startApplication(small.urls, {
        logs,
        feature: { streams: [{ name: 'COMING', subjects: ['coming'], replicas: 3 }] },
        providers: [worker('COMING')],
      });
      await eventually(
        () => logs.of('warn', 'NatsConnection').join(),
        (text) => spoken.test(text),
      );
      await using _third = await NatsTestServer.start({
        config: { cluster: { name: 'test', listen: '127.0.0.1:-1', routes: await routesTo(small) } },
      });
      await using application = await starting;
      const ack = await application.app.get(JetStreamService).publish('coming', 1);
      expect(ack.sequence).toBe(1);
    });
  });

  it('can use the resources that it has just created', async () => {
    const seen: unknown[] = [];
    const names = Array.from({ length: 5 }, (_, i) => `NEW_${i}`);
    for (const name of names) {
      const subject = name.toLowerCase();
      await using application = await startApplication(cluster.urls, {
        feature: {
          streams: [{ name, subjects: [subject], replicas: 3 }],
          keyValues: [{ bucket: subject, replicas: 3 }],
          objectStores: [{ bucket: subject, replicas: 3 }],
        },
        providers: [worker(name, seen)],
      });
      const jetstream = application.app.get(JetStreamService);
      const values = application.app.get<KeyValue>(getKeyValueToken(subject));
      const files = application.app.get<ObjectStore>(getObjectStoreToken(subject));
      const [now, later] = [{ now: name }, { later: name }];
      const future = jetstream.publishAsync(subject, later);
      const [ack, laterAck, revision] = await Promise.all([
        jetstream.publish(subject, now),
        future.ack,
        values.put('key', name),
        files.putString('file', name),
      ]);
      expect(ack.sequence + laterAck.sequence).toBe(3);
      expect(revision).toBe(1);
      const stream = await jetstream.stream(name);
      expect((await stream.getMessage(ack.sequence)).json()).toEqual(now);
      expect(await values.get('key')).toMatchObject({ value: name });
      expect(await files.getString('file')).toBe(name);
      await eventually(
        () => seen.length,
        (length) => length === 2 * (names.indexOf(name) + 1),
      );
      expect(seen.slice(-2)).toEqual(expect.arrayContaining([now, later]));
      expect(application.logs.of('error')).toEqual([]);
      for (const bucket of [`KV_${subject}`, `OBJ_${subject}`, name]) await jetstream.deleteStream(bucket);
    }
  });

  it('can read from a stream by direct get that it has just created', async () => {
    await using application = await startApplication(cluster.urls, {});
    const jetstream = application.app.get(JetStreamService);
    for (let i = 0; i < 30; i++) {
      const stream = await jetstream.createStream({
        name: `FRESH_${i}`,
        subjects: [`fresh.${i}`],
        replicas: 3,
        allowDirect: true,
        storage: 'memory',
      });
      for await (const message of stream.getMessages({ startSequence: 1 })) expect(message).toBeUndefined();
      await jetstream.deleteStream(stream.name);
    }
  });
});

describe('a boot on a server that hangs', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    const { app } = await startApplication(server.url, {
      feature: {
        streams: [{ name: 'ORDERS', subjects: ['orders'] }],
        keyValues: [{ bucket: 'orders' }],
      },
    });
    await app.close();
  });
  afterAll(() => server.stop());
  afterEach(() => server.resume());

  it.each([1_000, 0])('fails within bootTimeout (%d ms) when it starts handlers', async (bootTimeout) => {
    @Injectable()
    class Freezer implements OnModuleInit {
      onModuleInit(): void {
        server.pause();
      }
    }
    const module = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: { servers: server.url }, bootTimeout })],
      providers: [Freezer, handlers('ORDERS', 'orders')],
    })
      .setLogger(new LogRecorder())
      .compile();
    const nc = module.get<NatsConnection>(getNatsConnectionToken());
    const began = Date.now();
    await expect(module.init()).rejects.toThrow(BootTimeoutError);
    expect(Date.now() - began).toBeLessThan(bootTimeout + 3_000);
    expect(nc.isClosed()).toBe(true);
  });
});
