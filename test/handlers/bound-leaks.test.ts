import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Injectable } from '@nestjs/common';
import { type BindOptions, Handlers, JetStreamService, KeyValueService } from 'nestjs-nats-jetstream';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const HANDLERS = 100;
const ROUNDS = 100;
/** Rounds after which caches and compiled code have their final size. */
const WARM_UP = 20;

@Injectable()
class Feeds {
  handled = 0;
  on(): void {
    this.handled++;
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heap(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

it(`leaves nothing after ${HANDLERS} handlers were bound and stopped ${ROUNDS} times`, async () => {
  const registry = new Registry();
  await using application = await startApplication(server.url, {
    providers: [Feeds],
    imports: [JetStreamMetricsModule.forRoot({ registry })],
    feature: {
      streams: [{ name: 'TASKS', subjects: ['tasks.*'], storage: 'memory' }],
      keyValues: [{ bucket: 'stock', storage: 'memory' }],
    },
  });
  const { app } = application;
  const handlers = app.get(Handlers);
  const feeds = app.get(Feeds);
  const jetstream = app.get(JetStreamService);
  const { nc } = jetstream.connection;
  await (await app.get(KeyValueService).open('stock')).put('k', 1);

  const forms = (i: number): BindOptions => {
    switch (i % 4) {
      case 0:
        return { consumer: { stream: 'TASKS', filterSubjects: `tasks.${i}` } };
      case 1:
        return { consumer: { stream: 'TASKS', filterSubjects: `tasks.${i}`, ordered: true } };
      case 2:
        return { kvWatch: { bucket: 'stock' } };
      default:
        return { subscribe: { subject: `core.${i}` } };
    }
  };
  const onServer = async () => {
    const page = async (path: string): Promise<unknown> =>
      (await fetch(`${server.monitoringUrl}/${path}`)).json();
    const connz = (await page(`connz?subs=true&cid=${nc.info?.client_id}`)) as {
      connections: { subscriptions: number }[];
    };
    const subsz = (await page('subsz')) as { num_subscriptions: number };
    const jsz = (await page('jsz')) as { consumers: number };
    return {
      ofConnection: connz.connections[0].subscriptions,
      ofServer: subsz.num_subscriptions,
      consumers: jsz.consumers,
    };
  };
  const round = async (): Promise<void> => {
    const bound = await Promise.all(
      Array.from({ length: HANDLERS }, (_, i) => handlers.bind(feeds, 'on', forms(i))),
    );
    expect(new Set(bound.map(({ name }) => name)).size).toBe(HANDLERS);
    await Promise.all(bound.map((handler) => handler.stop()));
    expect(application.logs.of('error')).toEqual([]);
    // The log of the test must not count as memory of the handlers.
    application.logs.lines.splice(0);
  };

  // The first handlers open what the application then keeps, such as the subscription for replies. The first scrape opens the
  // bucket of the metrics.
  await round();
  const series = async (): Promise<number> =>
    (await registry.metrics()).split('\n').filter((line) => line.includes('handler="')).length;
  const seriesBefore = await series();
  for (let i = 1; i < WARM_UP; i++) await round();
  // The server ends the subscriptions of deleted consumers a moment later.
  const before = await eventually(onServer, ({ consumers }) => consumers === 0);
  expect(before.ofConnection).toBeLessThan(5);
  const heapBefore = heap();
  for (let i = WARM_UP; i < ROUNDS; i++) await round();
  expect(handlers.list()).toEqual([]);
  expect(feeds.handled).toBeGreaterThan(0);
  await eventually(
    onServer,
    ({ consumers, ofConnection, ofServer }) =>
      consumers === 0 && ofConnection <= before.ofConnection && ofServer <= before.ofServer + 5,
  );
  expect(await series()).toBe(seriesBefore);
  await eventually(
    () => (heap() - heapBefore) / 1_048_576,
    // 8,000 handlers: a leak of half a kilobyte for each would be 4 MiB.
    (grown) => grown < 4,
    60_000,
  );
}, 300_000);
