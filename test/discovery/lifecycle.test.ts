import { headers } from '@nats-io/transport-node';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  type DiscoveryOptions,
  getNatsConnectionToken,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { ServicesClient } from './services-client.js';

const discovery = { name: 'shop', version: '1.0.0' } satisfies DiscoveryOptions;

it('answers again after a reconnect, and no more once the shutdown has begun', async () => {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let started = (): void => {};
  const running = new Promise<void>((resolve) => (started = resolve));
  @Injectable()
  class Slow {
    @JsConsumer({ stream: 'S', durable: 'slow' })
    work(@Payload() _: unknown): Promise<void> {
      started();
      return released;
    }
  }
  await using server = await NatsTestServer.start();
  const application = await startApplication(server.url, {
    connection: { reconnectTimeWait: 20 },
    providers: [Slow],
    feature: { streams: [{ name: 'S', subjects: ['s'] }] },
    options: { discovery },
  });
  const jetstream = application.app.get(JetStreamService);
  const [before] = await withClient(server.url, (client) => client.ask('ping', 'shop'));
  await server.restart();
  await eventually(
    () => jetstream.connection.status,
    ({ state, reconnects }) => state === 'connected' && reconnects === 1,
  );
  const [after] = await withClient(server.url, (client) => client.ask('ping', 'shop'));
  expect(after).toEqual(before);

  await jetstream.publish('s', 1);
  await running;
  const closed = application.app.close();
  const answers = await withClient(server.url, (client) =>
    eventually(
      () => client.ask('ping', 'shop'),
      (each) => each.length === 0,
    ),
  );
  // The handler is still running.
  expect(answers).toEqual([]);
  expect(jetstream.connection.hasLink).toBe(true);
  release();
  await closed;
});

it('is one service for each connection that has the option', async () => {
  @Injectable()
  class Prices {
    @NatsSubscribe('a')
    a(): void {}

    @NatsSubscribe('b', { connection: 'second' })
    b(): void {}
  }
  await using server = await NatsTestServer.start();
  await using _ = await startApplication(server.url, {
    imports: [
      JetStreamModule.forRoot({
        name: 'second',
        connection: { servers: server.url },
        discovery: { name: 'other', version: '2.0.0' },
      }),
    ],
    providers: [Prices],
    options: { discovery },
  });
  await withClient(server.url, async (client) => {
    const infos = await client.ask('info');
    expect(
      Object.fromEntries(infos.map(({ name, endpoints }) => [name, endpoints.map((each) => each.name)])),
    ).toEqual({ shop: ['Prices-a'], other: ['Prices-b'] });
  });
});

it('does not answer to subjects that it must not publish to, and is not affected by payloads', async () => {
  await using server = await NatsTestServer.start();
  await using application = await startApplication(server.url, { options: { discovery } });
  const nc = await connect({ servers: server.url });
  const heard: string[] = [];
  nc.subscribe('$JS.API.>', { callback: (_, { subject }) => void heard.push(subject) });
  nc.publish('$SRV.PING', '', { reply: '$JS.API.STREAM.DELETE.S' });
  nc.publish('$SRV.INFO.shop');
  const own = headers();
  own.set('X', 'y');
  const reply = await nc.request('$SRV.PING', new Uint8Array(100_000).fill(255), {
    headers: own,
    timeout: 5_000,
  });
  expect(reply.json()).toMatchObject({ name: 'shop' });
  await nc.flush();
  expect(heard).toEqual([]);
  expect(application.logs.of('warn', 'JetStreamDiscovery')).toEqual([
    'A request on "$SRV.PING" is ignored, because its reply subject is "$JS.API.STREAM.DELETE.S".',
  ]);
  await nc.close();
});

it('leaves out the state of handlers if the answer would be larger than a message', async () => {
  @Injectable()
  class Many {
    @NatsSubscribe('many.a')
    @NatsSubscribe('many.b')
    @NatsSubscribe('many.c')
    @NatsSubscribe('many.d')
    @NatsSubscribe('many.e')
    @NatsSubscribe('many.f')
    @NatsSubscribe('many.g')
    @NatsSubscribe('many.h')
    handle(): void {}
  }
  await using server = await NatsTestServer.start({ config: { max_payload: 2_048 } });
  await using application = await startApplication(server.url, { providers: [Many], options: { discovery } });
  expect(application.app.get<NatsConnection>(getNatsConnectionToken()).info?.max_payload).toBe(2_048);
  await withClient(server.url, async (client) => {
    const [stats] = await client.ask('stats');
    expect(stats?.endpoints).toHaveLength(8);
    expect(stats?.endpoints?.filter(({ data }) => data !== undefined)).toEqual([]);
  });
});

async function withClient<R>(url: string, use: (client: ServicesClient) => Promise<R>): Promise<R> {
  await using client = await ServicesClient.connect(url);
  const result = await use(client);
  return result;
}
