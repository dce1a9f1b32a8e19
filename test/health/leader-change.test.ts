import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startHealthy } from './support.js';

let handled = 0;

@Injectable()
class Work {
  @JsConsumer({ stream: 'S', durable: 'work' })
  pull(@Payload() _: unknown): void {
    handled++;
  }
  @JsConsumer({ stream: 'S', ordered: true })
  ordered(@Payload() _: unknown): void {}
}

it(
  'a change of leader that is shorter than the grace is healthy, with another server and without a link',
  { timeout: 120_000 },
  async () => {
    await using cluster = await NatsTestCluster.start(3);
    const application = await startHealthy(cluster.urls, {
      connection: { reconnectTimeWait: 20, maxReconnectAttempts: -1 },
      feature: { streams: [{ name: 'S', subjects: ['s'], replicas: 3, storage: 'memory' }] },
      providers: [Work],
    });
    await cluster.ready();
    const { health, app } = application;
    const jetstream = app.get(JetStreamService);
    const consumer = await jetstream.consumer('S', 'work');
    const { cluster: group } = await consumer.info();
    expect((await health.resources({ streams: ['S'] })).resources[0]?.leader).toMatch(/./);

    const messages: (string | undefined)[] = [];
    let done = false;
    const probes = (async () => {
      while (!done) {
        const [handlers, resources] = await Promise.all([
          health.handlers({ grace: 30_000, timeout: 300 }),
          health.resources({ streams: ['S'], grace: 30_000, timeout: 300 }),
        ]);
        messages.push(handlers.message, resources.message);
        await delay(20);
      }
    })();
    await cluster.servers.find(({ name }) => name === group?.leader)?.kill();
    await eventually(
      async () => {
        // A message in transit to the server that was killed is lost without an answer.
        await jetstream.publish('s', 1, { timeout: 500 }).catch(() => delay(100));
        return handled;
      },
      (count) => count > 0,
      60_000,
    );
    const report = await eventually(
      () => health.handlers({ grace: 0 }),
      ({ status }) => status === 'up',
      30_000,
    );
    done = true;
    await probes;
    expect(messages.length).toBeGreaterThan(2);
    expect(messages.filter((message) => message !== undefined)).toEqual([]);
    expect(report.handlers.map(({ state }) => state)).toEqual(['running', 'running']);
    await app.close();
  },
);
