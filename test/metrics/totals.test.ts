import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  type ConsumerInfo,
  getNatsConnectionToken,
  Handlers,
  type JetStreamInstrument,
  JetStreamService,
  JsConsumer,
  type JsConsumerOptions,
  JsHandler,
  type ObservedDelivery,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { type JetStreamMetrics, jetStreamPrometheusMetrics } from 'nestjs-nats-jetstream/metrics';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { cases, type Context, type Handle, MESSAGES, QUICK_RETRY } from './delivery-cases.js';
import { Scrape } from './scrape.js';

let server: NatsTestServer;
let observer: TestApplication;
let serial = 0;

beforeAll(async () => {
  server = await NatsTestServer.start();
  observer = await startApplication(server.url, {});
});
afterAll(async () => {
  await observer.app.close();
  await server.stop();
});

function tasks(options: JsConsumerOptions, handle: Handle): new () => object {
  @Injectable()
  class Tasks {
    @JsConsumer(options)
    onTask(@Payload() payload: unknown, @Ctx() context: Context): unknown {
      return handle(context, payload);
    }
  }
  return Tasks;
}

/** Starts an application whose handlers have one consumer `worker`, with the messages already in its stream. */
async function start(provider: (stream: string) => new () => object): Promise<{
  readonly application: TestApplication;
  readonly stream: string;
  readonly metrics: JetStreamMetrics;
}> {
  const stream = `TASKS_${++serial}`;
  const feature = {
    streams: [{ name: stream, subjects: [`tasks.${serial}.>`], storage: 'memory' as const }],
  };
  const writer = observer.app.get(JetStreamService);
  await writer.createStream(feature.streams[0] ?? { name: stream });
  for (let id = 1; id <= MESSAGES; id++) await writer.publish(`tasks.${serial}.${id % 5}`, id);
  // Its series outlive the application.
  const metrics = jetStreamPrometheusMetrics({ registry: new Registry() });
  const application = await startApplication(server.url, {
    options: { instruments: [metrics], shutdownTimeout: 300 },
    feature,
    providers: [provider(stream)],
  });
  return { application, stream, metrics };
}

/** The only consumer of a stream. */
async function consumerOf(stream: string): Promise<ConsumerInfo> {
  for await (const info of observer.app.get(JetStreamService).listConsumers(stream)) return info;
  throw new Error(`stream ${stream} has no consumer`);
}

/** Waits until the consumer has delivered everything, and everything is settled. */
function settled(stream: string): Promise<unknown> {
  return eventually(
    () => consumerOf(stream),
    ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
  );
}

/** The deliveries of the consumer according to the server, and the sum of all outcomes. */
async function totals(
  stream: string,
  metrics: JetStreamMetrics,
): Promise<{ readonly server: number; readonly ours: number }> {
  const { delivered } = await consumerOf(stream);
  const scrape = await Scrape.of(metrics.registry);
  return {
    server: delivered.consumerSequence,
    ours: scrape.sum('nats_jetstream_deliveries_total', { source: stream }),
  };
}

describe('the outcomes of all deliveries add up to the deliveries that the server counts', () => {
  it.each(cases)(
    '$name',
    async ({ options, handle = () => undefined, outcomes, during, isClosed = false }) => {
      const provider = (stream: string): new () => object =>
        tasks({ ...options, stream, durable: 'worker' } as JsConsumerOptions, handle);
      const { application, stream, metrics } = await start(provider);
      await during?.(application, stream);
      if (!isClosed) {
        await settled(stream);
        await application.app.get(Handlers).idle();
      }
      await application.app.close();
      const { server: delivered, ours } = await totals(stream, metrics);
      const scrape = await Scrape.of(metrics.registry);
      expect(ours, JSON.stringify(scrape.by('outcome', 'nats_jetstream_deliveries_total'))).toBe(delivered);
      expect(delivered).toBeGreaterThan(0);
      expect(scrape.by('outcome', 'nats_jetstream_deliveries_total')).toMatchObject(
        Object.fromEntries(outcomes.map((outcome) => [outcome, expect.any(Number)])),
      );
    },
  );

  it('a class with several methods, and messages that none of them matches', async () => {
    const provider = (stream: string): new () => object => {
      @Injectable()
      @JsConsumer({
        stream,
        durable: 'worker',
        filterSubjects: 'tasks.*.*',
        retry: QUICK_RETRY,
        deadLetter: true,
      })
      class Tasks {
        @JsHandler('tasks.*.1', 'tasks.*.2')
        onSome(): void {}

        @JsHandler('tasks.*.3')
        onFailing(): never {
          throw new Error('fails');
        }
      }
      return Tasks;
    };
    const { application, stream, metrics } = await start(provider);
    await settled(stream);
    await application.app.close();
    const { server: delivered, ours } = await totals(stream, metrics);
    expect(ours).toBe(delivered);
    const scrape = await Scrape.of(metrics.registry);
    expect(scrape.by('handler', 'nats_jetstream_deliveries_total')).toEqual({
      'Tasks.onSome': 24,
      'Tasks.onFailing': 36,
      // The class itself: subjects that end with 0 and 4.
      Tasks: 24,
    });
  });

  it('ordered consumers, which have no sequence that lasts: each message once', async () => {
    const provider = (stream: string): new () => object =>
      tasks({ stream, ordered: true }, (_context, id) => {
        if (id === 7) throw new TerminateMessage('not wanted');
      });
    const { application, stream, metrics } = await start(provider);
    await eventually(
      () => application.app.get(Handlers).get('Tasks.onTask').handled,
      (handled) => handled === MESSAGES,
    );
    await application.app.close();
    const scrape = await Scrape.of(metrics.registry);
    expect(scrape.by('outcome', 'nats_jetstream_deliveries_total', { source: stream })).toEqual({
      left: MESSAGES - 1,
      skipped: 1,
    });
  });
});

describe('with losses of the link', () => {
  const all = 600;
  interface Busy extends TestApplication {
    readonly metrics: JetStreamMetrics;
    /** The messages that were handled. */
    readonly handled: ReadonlySet<unknown>;
  }

  /** Starts a handler of 600 messages that takes its time. */
  async function startBusy(url: string, instruments: readonly JetStreamInstrument[] = []): Promise<Busy> {
    const metrics = jetStreamPrometheusMetrics({ registry: new Registry() });
    const handled = new Set<unknown>();
    const application = await startApplication(url, {
      connection: { reconnectTimeWait: 50 },
      options: { instruments: [metrics, ...instruments], shutdownTimeout: 1_000 },
      feature: { streams: [{ name: 'TASKS', subjects: ['tasks.>'] }] },
      providers: [
        tasks({ stream: 'TASKS', durable: 'worker', concurrency: 4, ackWait: 500 }, async (_context, id) => {
          await delay(2);
          handled.add(id);
        }),
      ],
    });
    const jetstream = application.app.get(JetStreamService);
    for (let id = 1; id <= all; id++) await jetstream.publish(`tasks.${id}`, id);
    return { ...application, metrics, handled };
  }

  /** Interrupts twice while messages are handled, and waits until all are. */
  async function finish({ handled, app }: Busy, interrupt: () => Promise<void>): Promise<void> {
    for (const before of [150, 300]) {
      await eventually(
        () => handled.size,
        (size) => size >= before,
      );
      await interrupt();
    }
    await eventually(
      () => handled.size,
      (size) => size === all,
      20_000,
    );
    await app.get(Handlers).stop('Tasks.onTask');
  }

  it.each([
    ['the link', (nc: NatsConnection) => nc.reconnect()],
    ['the server, which restarts', (_: NatsConnection, own: NatsTestServer) => own.restart()],
  ])('the sum is never greater: %s', async (_name, interrupt) => {
    await using own = await NatsTestServer.start();
    await using busy = await startBusy(own.url);
    const nc = busy.app.get<NatsConnection>(getNatsConnectionToken());
    await finish(busy, () => interrupt(nc, own));
    const { delivered } = await (await busy.app.get(JetStreamService).consumer('TASKS', 'worker')).info();
    const ours = (await Scrape.of(busy.metrics.registry)).sum('nats_jetstream_deliveries_total');
    expect(ours).toBeGreaterThanOrEqual(all);
    expect(ours).toBeLessThanOrEqual(delivered.consumerSequence);
  });

  // A server that is killed loses its latest counts, so each delivery is compared.
  it('no delivery is counted twice when the server is killed', async () => {
    const ended: ObservedDelivery[] = [];
    const recorder: JetStreamInstrument = {
      handler: () => ({ ended: (delivery) => void ended.push(delivery) }),
    };
    await using own = await NatsTestServer.start();
    await using busy = await startBusy(own.url, [recorder]);
    await finish(busy, async () => {
      await own.kill();
      await own.restart();
    });
    expect(ended.length).toBeGreaterThanOrEqual(all);
    expect(new Set(ended).size).toBe(ended.length);
    const scrape = await Scrape.of(busy.metrics.registry);
    expect(scrape.sum('nats_jetstream_deliveries_total')).toBe(ended.length);
  });
});
