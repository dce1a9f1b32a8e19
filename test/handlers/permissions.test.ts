import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  getNatsConnectionToken,
  Handlers,
  JetStreamService,
  JsConsumer,
  OnJetStreamEvent,
  NatsSubscribe,
  type JetStreamEvent,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

it('reports a missing permission once for repeated violations', async () => {
  const deliveries: number[] = [];
  const events: JetStreamEvent[] = [];
  @Injectable()
  class Unacknowledged {
    @JsConsumer({ stream: 'TASKS', durable: 'worker', ackWait: 100 })
    onTask(@Payload() id: number): void {
      deliveries.push(id);
    }

    @OnJetStreamEvent('permission-denied')
    onDenied(event: JetStreamEvent): void {
      events.push(event);
    }
  }
  await using server = await NatsTestServer.start({
    users: [{ user: 'u', permissions: { publish: { allow: '>', deny: '$JS.ACK.>' } } }],
    noAuthUser: 'u',
  });
  await using application = await startApplication(server.url, {
    feature: { streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' }] },
    providers: [Unacknowledged],
  });
  await application.app.get(JetStreamService).publish('tasks', 1);
  await eventually(
    () => deliveries,
    (list) => list.length >= 3,
  );
  expect(events).toMatchObject([{ type: 'permission-denied', connection: 'default' }]);
  expect(application.logs.of('error', 'NatsConnection')).toEqual([
    expect.stringMatching(
      /^Connection "default": no permission to publish to "\$JS\.ACK\.TASKS\.worker\..*", so messages may never arrive/,
    ),
  ]);
});

it('runs a handler with the permissions of the guide', async () => {
  const handled: number[] = [];
  @Injectable()
  class Tasks {
    @JsConsumer({ stream: 'TASKS', durable: 'worker' })
    onTask(@Payload() id: number): void {
      handled.push(id);
    }
  }
  const publish = ['$JS.API.CONSUMER.>', '$JS.API.STREAM.INFO.TASKS', '$JS.ACK.>'];
  await using server = await NatsTestServer.start({
    users: [{ user: 'owner' }, { user: 'u', permissions: { publish, subscribe: '_INBOX.>' } }],
    noAuthUser: 'u',
  });
  const nc = await connect(server.connectionFor('owner'));
  const { streams, consumers } = await jetstreamManager(nc);
  await streams.add({ name: 'TASKS', subjects: ['tasks'], storage: 'memory' });
  await using application = await startApplication(server.url, { providers: [Tasks] });
  nc.publish('tasks', '1');
  await eventually(
    () => consumers.info('TASKS', 'worker'),
    ({ ack_floor }) => ack_floor.stream_seq === 1,
  );
  await nc.close();
  expect(handled).toEqual([1]);
  expect(application.logs.of('error')).toEqual([]);
});

describe('a permission to subscribe', () => {
  // The servers of tests have their configuration in a folder next to it.
  const file = `permissions-${process.pid}.conf`;
  const deny = (subjects: string): Promise<void> =>
    writeFile(
      join(tmpdir(), file),
      `no_auth_user: u
       authorization { users: [{ user: u, password: p, permissions: { subscribe: { deny: [${subjects}] } } }] }`,
    );
  const start = (): Promise<NatsTestServer> => NatsTestServer.start({ config: `include "../${file}"` });
  afterAll(() => rm(join(tmpdir(), file)));

  it('stops the boot if it is missing', async () => {
    @Injectable()
    class Prices {
      @NatsSubscribe('prices.*')
      onPrice(): void {}
    }
    await deny('"prices.*"');
    await using server = await start();
    await expect(startApplication(server.url, { providers: [Prices] })).rejects.toThrow(
      /Prices\.onPrice: .* has no permission to subscribe to "prices\.\*"/,
    );
  });

  it('interrupts handlers while it is withdrawn', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Tasks {
      @JsConsumer({ stream: 'TASKS', durable: 'worker' })
      onTask(@Payload() task: unknown): void {
        seen.push(task);
      }

      @NatsSubscribe('prices.*')
      onPrice(@Payload() price: unknown): void {
        seen.push(price);
      }
    }
    await deny('');
    await using server = await start();
    await using application = await startApplication(server.url, {
      feature: { streams: [{ name: 'TASKS', subjects: ['tasks'] }] },
      providers: [Tasks],
    });
    const statuses = (status: string): Promise<unknown> =>
      eventually(
        () => application.app.get(Handlers).list(),
        (handlers) => handlers.every((handler) => handler.status === status),
        20_000,
      );
    await deny('"prices.*", "_INBOX.>"');
    await server.restart();
    await statuses('recovering');
    await deny('');
    await server.restart();
    await statuses('running');
    const nc = application.app.get<NatsConnection>(getNatsConnectionToken());
    nc.publish('prices.gold', '21');
    nc.publish('tasks', '1');
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    expect(new Set(seen)).toEqual(new Set([21, 1]));
  }, 60_000);

  it('withdrawn during a recovery does not affect a handler that was paused and resumed', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Prices {
      @NatsSubscribe('prices.*')
      onPrice(@Payload() price: unknown): void {
        seen.push(price);
      }
    }
    await deny('');
    await using server = await start();
    await using application = await startApplication(server.url, { providers: [Prices] });
    const handlers = application.app.get(Handlers);
    const nc = application.app.get<NatsConnection>(getNatsConnectionToken());
    await deny('"prices.*"');
    await server.restart();
    await eventually(
      () => handlers.get('Prices.onPrice').status,
      (status) => status === 'recovering',
      20_000,
    );
    await deny('');
    const flush = vi.spyOn(nc, 'flush');
    server.pause();
    // The next attempt has subscribed, and waits for the server.
    await eventually(
      () => flush.mock.calls.length,
      (count) => count > 0,
    );
    const commands = [handlers.pause('Prices.onPrice'), handlers.resume('Prices.onPrice')];
    await eventually(
      () => flush.mock.calls.length,
      (count) => count > 1,
    );
    await server.kill();
    await server.restart();
    await Promise.all(commands);
    expect(handlers.get('Prices.onPrice').status).toBe('running');
    nc.publish('prices.gold', '21');
    await nc.flush();
    await eventually(
      () => seen,
      (prices) => prices.length > 0,
    );
    expect(seen).toEqual([21]);
  }, 60_000);
});
