import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BootTimeoutError,
  getNatsConnectionToken,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KvWatch,
  type JetStreamModuleOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer, type NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { LogRecorder } from '../support/log-recorder.js';

it('a boot of a user without permission for the JetStream API fails at once, with the subject', async () => {
  const permissions = { publish: { deny: ['$JS.API.>'] } };
  await using server = await NatsTestServer.start({
    config: { no_auth_user: 'u', authorization: { users: [{ user: 'u', password: 'p', permissions }] } },
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
  class Handlers {
    @JsConsumer({ stream, durable: 'handler', deadLetter: true, idempotent: { bucket: `${bucket}_done` } })
    handle(): void {}

    @KvWatch(bucket)
    watch(): void {}
  }
  return Handlers;
}

describe('a boot on a cluster', () => {
  let cluster: NatsTestCluster;

  beforeAll(async () => {
    cluster = await NatsTestServer.cluster(3);
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

  it('goes on when the cluster has elected its leader', async () => {
    const [, ...others] = cluster.servers;
    for (const server of others) server.pause();
    const timer = setTimeout(() => others.forEach((server) => server.resume()), 2_000);
    await using application = await start('ELECTING', { jetstream: { timeout: 500 } });
    clearTimeout(timer);
    await application.app.get(JetStreamService).publish('electing', 1);
    expect(application.logs.of('warn', 'NatsConnection').join()).toContain('failed and is tried again');
  });

  it('ends after bootTimeout with one error that says what was being done', async () => {
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
      /Connection "default": .* within 1000 ms; while STREAM\.(INFO|CREATE)\.(LEADERLESS|KV_leaderless): /,
    );
  });

  it('can read a stream directly that it has just created', async () => {
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

  it.each([1_000, 0])('ends within bootTimeout (%d ms) when it starts handlers', async (bootTimeout) => {
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
