import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  getNatsConnectionToken,
  Handlers,
  JsConsumer,
  KvWatch,
  ObjectWatch,
  PublishTo,
  NatsSubscribe,
  type JsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** The ways in which a connection ends permanently. */
const ends: [string, (application: TestApplication, server: NatsTestServer) => Promise<unknown>, string][] = [
  ['its owner closes it', ({ app }) => app.get<NatsConnection>(getNatsConnectionToken()).close(), ''],
  ['its reconnects are used up', (_application, server) => server.kill(), ': connection refused'],
];

/** The warnings and errors about a handler, except errors that the handler itself has thrown. */
function reportsOf(handler: string, { logs }: TestApplication): string[] {
  return logs.lines
    .filter(({ level, text }) => (level === 'warn' || level === 'error') && text.includes(handler))
    .map(({ text }) => text)
    .filter((text) => !/: failed$/m.test(text));
}

type ConsumerForm = [string, Omit<JsConsumerOptions, 'stream'>];

const forms: ConsumerForm[] = [
  ['one by one', { durable: 'w' }],
  ['several at once', { durable: 'w', concurrency: 4, ackWait: 200 }],
  ['with dead letters', { durable: 'w', deadLetter: true, retry: { maxDeliver: 1 } }],
  ['confirmed', { durable: 'w', ackMode: 'confirmed' }],
  ['batches', { durable: 'w', batch: { size: 2, maxWait: 10 } }],
  ['cumulative batches', { durable: 'w', batch: { size: 2, maxWait: 10 }, ackPolicy: 'all', ackWait: 200 }],
  ['push', { durable: 'w', push: {} }],
  ['ordered', { ordered: true }],
  ['by key', { durable: 'w', orderBy: () => 'k', concurrency: 2 }],
  ['idempotent', { durable: 'w', idempotent: { bucket: 'claims' } }],
] as ConsumerForm[];

const cases = ends.flatMap(([end, close, reason], i) =>
  forms.map(([form, options]) => ({ end, close, reason, form, options, succeeds: i === 0 })),
);

describe('a connection that ends while handlers are in flight stops them', () => {
  async function start(providers: (new () => object)[], server: NatsTestServer): Promise<TestApplication> {
    return startApplication(server.url, {
      connection: { maxReconnectAttempts: 2, reconnectTimeWait: 20 },
      options: { shutdownTimeout: 3_000 },
      feature: {
        streams: [
          { name: 'TASKS', subjects: ['tasks'], storage: 'memory' },
          { name: 'RESULTS', subjects: ['results'], storage: 'memory' },
        ],
        keyValues: [{ bucket: 'claims', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
      providers,
    });
  }

  it.each(cases)('$end, $form, succeeds: $succeeds', async ({ close, reason, options, succeeds }) => {
    await using server = await NatsTestServer.start();
    let finish = (): void => {};
    const gate = new Promise<void>((resolve) => (finish = resolve));
    let begun = 0;
    @Injectable()
    class Tasks {
      @PublishTo('results')
      @JsConsumer({ stream: 'TASKS', ...options } as JsConsumerOptions)
      async onTask(@Payload() n: unknown): Promise<unknown> {
        begun++;
        await gate;
        if (!succeeds) throw new Error('failed');
        return n;
      }
    }
    @Injectable()
    class Unpublished {
      @JsConsumer({ stream: 'TASKS', ...options } as JsConsumerOptions)
      async onTask(@Payload() n: unknown): Promise<unknown> {
        begun++;
        await gate;
        if (!succeeds) throw new Error('failed');
        return n;
      }
    }
    const provider = 'batch' in options || 'ordered' in options ? Unpublished : Tasks;
    const handler = `${provider.name}.onTask`;
    const application = await start([provider], server);
    const handlers = application.app.get(Handlers);
    const client = await connect({ servers: server.url, reconnect: false });
    for (let n = 0; n < 4; n++) client.publish('tasks', `${n}`);
    await client.drain();
    await eventually(
      () => begun,
      (count) => count >= 1,
    );
    await close(application, server);
    await eventually(
      () => handlers.get(handler).status,
      (status) => status === 'stopped',
    );
    // Longer than messages are kept alive.
    await delay(150);
    finish();
    await eventually(
      () => handlers.get(handler).running,
      (running) => running === 0,
    );
    expect(reportsOf(handler, application)).toEqual([
      `${handler} is stopped: the connection "default" is closed${reason}`,
    ]);
    const closing = Date.now();
    await application.app.close();
    expect(Date.now() - closing).toBeLessThan(1_500);
  });

  it('reports a message that is not redelivered separately', async () => {
    await using server = await NatsTestServer.start();
    let finish = (): void => {};
    const gate = new Promise<void>((resolve) => (finish = resolve));
    let begun = 0;
    @Injectable()
    class Tasks {
      @PublishTo('results')
      @JsConsumer({ stream: 'TASKS', durable: 'w', retry: { maxDeliver: 1 } })
      async onTask(@Payload() n: unknown): Promise<unknown> {
        begun++;
        await gate;
        return n;
      }
    }
    await using application = await start([Tasks], server);
    const { app } = application;
    const nc = app.get<NatsConnection>(getNatsConnectionToken());
    nc.publish('tasks', '1');
    await eventually(
      () => begun,
      (count) => count === 1,
    );
    await nc.close();
    finish();
    const reports = await eventually(
      () => reportsOf('Tasks.onTask', application),
      (all) => all.length > 1,
    );
    expect(reports).toEqual([
      'Tasks.onTask is stopped: the connection "default" is closed',
      expect.stringMatching(/sequence 1.* failed in its last delivery, 1 of 1 \(it is not delivered again\)/),
    ]);
  });

  it.each(ends)('%s: stops watches, subscriptions and a paused handler too', async (_, close, reason) => {
    await using server = await NatsTestServer.start();
    @Injectable()
    class All {
      @KvWatch('claims')
      onEntry(): void {}
      @ObjectWatch('files')
      onObject(): void {}
      @NatsSubscribe('core')
      onMessage(): void {}
      @JsConsumer({ stream: 'TASKS', durable: 'w' })
      onTask(): void {}
    }
    const application = await start([All], server);
    const handlers = application.app.get(Handlers);
    await handlers.pause('All.onTask');
    await close(application, server);
    await eventually(
      () => handlers.list().map(({ status }) => status),
      (all) => all.every((status) => status === 'stopped'),
    );
    for (const { handler } of handlers.list()) {
      expect(reportsOf(handler, application)).toEqual([
        `${handler} is stopped: the connection "default" is closed${reason}`,
      ]);
    }
    await expect(handlers.start('All.onTask')).rejects.toThrow();
    expect(handlers.get('All.onTask').status).toBe('stopped');
    const closing = Date.now();
    await application.app.close();
    expect(Date.now() - closing).toBeLessThan(1_500);
  });
});
