import { Injectable } from '@nestjs/common';
import {
  getKeyValueToken,
  getNatsConnectionToken,
  JetStreamService,
  JsConsumer,
  KvWatch,
  OnDeadLetter,
  NatsSubscribe,
  type KeyValue,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

describe('app.close()', () => {
  let server: NatsTestServer;

  beforeEach(async () => {
    server = await NatsTestServer.start();
  });
  afterEach(() => server.stop());

  /** An application with a handler of each kind, a lock and an election. */
  async function start(
    shutdownTimeout: number,
    handle: () => unknown = () => undefined,
  ): Promise<TestApplication & { jetstream: JetStreamService; nc: NatsConnection }> {
    @Injectable()
    class Handlers {
      @JsConsumer({ stream: 'TASKS', durable: 'tasks', deadLetter: true, concurrency: 4 })
      onTask(): unknown {
        return handle();
      }

      @JsConsumer({ stream: 'TASKS', durable: 'batches', batch: { size: 10 } })
      onBatch(): void {}

      @JsConsumer({ stream: 'TASKS', push: {} })
      onPush(): void {}

      @JsConsumer({ stream: 'TASKS', ordered: true })
      onOrdered(): void {}

      @KvWatch('locks')
      onLock(): void {}

      @NatsSubscribe('core')
      onCore(): void {}

      @OnDeadLetter()
      onDeadLetter(): void {}
    }
    const application = await startApplication(server.url, {
      connection: { reconnectTimeWait: 100 },
      options: { shutdownTimeout },
      feature: {
        streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' }],
        keyValues: [{ bucket: 'locks', storage: 'memory' }],
      },
      providers: [Handlers],
    });
    const locks = application.app.get<KeyValue>(getKeyValueToken('locks'));
    await locks.lock('one', { ttl: 3_000 });
    const election = locks.elect('leader', { ttl: 3_000 });
    await eventually(
      () => election.isLeader,
      (leads) => leads,
    );
    return {
      ...application,
      jetstream: application.app.get(JetStreamService),
      nc: application.app.get(getNatsConnectionToken()),
    };
  }

  async function timeToClose({ app }: TestApplication): Promise<number> {
    const began = Date.now();
    await app.close();
    return Date.now() - began;
  }

  it('ends within shutdownTimeout even if the server hangs', async () => {
    const application = await start(1_000);
    server.pause();
    application.jetstream.publishAsync('tasks', 1).ack.catch(() => undefined);
    expect(await timeToClose(application)).toBeLessThan(4_000);
    expect(application.nc.isClosed()).toBe(true);
  });

  it('does not wait without a link', async () => {
    const application = await start(8_000);
    const lost = new Promise<void>((resolve) =>
      application.jetstream.connection.listen({ onDisconnect: resolve }),
    );
    await server.kill();
    await lost;
    application.jetstream.publishAsync('tasks', 1).ack.catch(() => undefined);
    expect(await timeToClose(application)).toBeLessThan(2_500);
    expect(application.nc.isClosed()).toBe(true);
  });

  it.each([5_000, Infinity])(
    'waits for handlers in flight within a shutdownTimeout of %d',
    async (timeout) => {
      const ended: number[] = [];
      let begun = 0;
      const application = await start(timeout, async () => {
        begun++;
        await new Promise((resolve) => setTimeout(resolve, 400));
        ended.push(1);
      });
      await application.jetstream.publish('tasks', 1);
      await eventually(
        () => begun,
        (count) => count === 1,
      );
      const took = await timeToClose(application);
      expect(ended).toHaveLength(1);
      expect(took).toBeLessThan(3_000);
    },
  );

  it('releases locks even if handlers took all the time', async () => {
    const application = await start(300, () => new Promise(() => undefined));
    await application.jetstream.publish('tasks', 1);
    await eventually(
      async () => (await (await application.jetstream.consumer('TASKS', 'tasks')).info()).numAckPending,
      (count) => count === 1,
    );
    expect(await timeToClose(application)).toBeLessThan(2_000);
    await using other = await startApplication(server.url, { feature: { keyValues: [{ bucket: 'locks' }] } });
    await using lock = await other.app.get<KeyValue>(getKeyValueToken('locks')).lock('one', { wait: 0 });
    expect(lock.held).toBe(true);
  });
});
