import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Controller, Injectable } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
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
  type Outcome,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { jetStreamPrometheusMetrics } from 'nestjs-nats-jetstream/metrics';
import type { EventExtras, JetStreamEventContext, RequestExtras } from 'nestjs-nats-jetstream/microservice';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { jetStreamOtelMetrics } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { startMicroservice } from '../microservice/microservice.js';
import { Measured } from '../otel/measured.js';
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

/** Counts deliveries with both kinds of metrics, whose series outlive the application. */
class Counted {
  private readonly registry = new Registry();
  private readonly measured = new Measured();
  readonly instruments: readonly JetStreamInstrument[] = [
    jetStreamPrometheusMetrics({ registry: this.registry }),
    jetStreamOtelMetrics({ meterProvider: this.measured.meterProvider }),
  ];

  /** The deliveries by outcome. Both kinds must agree on them. */
  async byOutcome(): Promise<Record<string, number>> {
    const outcomes = (await this.scrape()).by('outcome', 'nats_jetstream_deliveries_total');
    const same: Record<string, number> = {};
    for (const { attributes, value } of await this.measured.points('nats.jetstream.deliveries')) {
      const outcome = String(attributes['messaging.nats.message.outcome']);
      same[outcome] = (same[outcome] ?? 0) + value;
    }
    if (isDeepStrictEqual(same, outcomes)) return outcomes;
    throw new Error(`OpenTelemetry ${JSON.stringify(same)}, Prometheus ${JSON.stringify(outcomes)}`);
  }

  /** The number of all deliveries. */
  async sum(): Promise<number> {
    return Object.values(await this.byOutcome()).reduce((sum, count) => sum + count, 0);
  }

  scrape(): Promise<Scrape> {
    return Scrape.of(this.registry);
  }
}

/** Starts an application whose handlers have one consumer `worker`, with the messages already in its stream. */
async function start(provider: (stream: string) => new () => object): Promise<{
  readonly application: TestApplication;
  readonly stream: string;
  readonly counted: Counted;
}> {
  const stream = `TASKS_${++serial}`;
  const feature = {
    streams: [{ name: stream, subjects: [`tasks.${serial}.>`], storage: 'memory' as const }],
  };
  const writer = observer.app.get(JetStreamService);
  await writer.createStream(feature.streams[0] ?? { name: stream });
  for (let id = 1; id <= MESSAGES; id++) await writer.publish(`tasks.${serial}.${id % 5}`, id);
  const counted = new Counted();
  const application = await startApplication(server.url, {
    options: { instruments: counted.instruments, shutdownTimeout: 300 },
    feature,
    providers: [provider(stream)],
  });
  return { application, stream, counted };
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

/** The deliveries of the consumer according to the server. */
async function deliveredBy(stream: string): Promise<number> {
  return (await consumerOf(stream)).delivered.consumerSequence;
}

describe('the outcomes of all deliveries add up to the deliveries that the server counts', () => {
  it.each(cases)(
    '$name',
    async ({ options, handle = () => undefined, outcomes, during, isClosed = false }) => {
      const provider = (stream: string): new () => object =>
        tasks({ ...options, stream, durable: 'worker' } as JsConsumerOptions, handle);
      const { application, stream, counted } = await start(provider);
      await during?.(application, stream);
      if (!isClosed) {
        await settled(stream);
        await application.app.get(Handlers).idle();
      }
      await application.app.close();
      const delivered = await deliveredBy(stream);
      const byOutcome = await counted.byOutcome();
      expect(await counted.sum(), JSON.stringify(byOutcome)).toBe(delivered);
      expect(delivered).toBeGreaterThan(0);
      expect(byOutcome).toMatchObject(
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
    const { application, stream, counted } = await start(provider);
    await settled(stream);
    await application.app.close();
    expect(await counted.sum()).toBe(await deliveredBy(stream));
    const scrape = await counted.scrape();
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
    const { application, counted } = await start(provider);
    await eventually(
      () => application.app.get(Handlers).get('Tasks.onTask').handled,
      (handled) => handled === MESSAGES,
    );
    await application.app.close();
    expect(await counted.byOutcome()).toEqual({
      left: MESSAGES - 1,
      skipped: 1,
    });
  });
});

describe('the same is true for microservices', () => {
  const served: {
    readonly name: string;
    readonly extras: EventExtras & RequestExtras;
    readonly isRequest?: boolean;
    readonly outcomes: readonly Outcome[];
    readonly isClosed?: boolean;
  }[] = [
    { name: 'events', extras: {}, outcomes: ['acked'] },
    {
      name: 'events that fail',
      extras: { retry: QUICK_RETRY },
      outcomes: ['acked', 'retried', 'dead-lettered'],
    },
    {
      name: 'events that fail, without dead letters',
      extras: { retry: QUICK_RETRY, deadLetter: false, concurrency: 8 },
      outcomes: ['acked', 'retried', 'terminated'],
    },
    { name: 'events, broadcast', extras: { broadcast: true, deliverPolicy: 'all' }, outcomes: ['acked'] },
    { name: 'durable requests', extras: { mode: 'jetstream' }, isRequest: true, outcomes: ['acked'] },
    {
      name: 'durable requests that fail',
      extras: { mode: 'jetstream', retry: QUICK_RETRY },
      isRequest: true,
      outcomes: ['acked', 'retried', 'dead-lettered'],
    },
    { name: 'shutdown with events that hang', extras: {}, outcomes: ['released'], isClosed: true },
  ];

  it.each(served)('$name', async ({ name, extras, isRequest = false, outcomes, isClosed = false }) => {
    const stream = `SERVED_${++serial}`;
    const pattern = `served.${serial}.*`;
    const fails = name.includes('fail');
    let begun = 0;
    function handle(id: number, { metadata }: JetStreamEventContext): Promise<void> | undefined {
      begun++;
      if (isClosed && id > 20) return new Promise(() => undefined);
      if (fails && (id % 3 === 0 || (id % 3 === 1 && metadata.deliveryCount === 1))) throw new Error('fails');
      return undefined;
    }
    @Controller()
    class Events {
      @EventPattern<unknown>(pattern, extras)
      onEvent(@Payload() id: number, @Ctx() context: JetStreamEventContext): Promise<void> | undefined {
        return handle(id, context);
      }
    }
    @Controller()
    class Requests {
      @MessagePattern<unknown>(pattern, extras)
      onRequest(@Payload() id: number, @Ctx() context: JetStreamEventContext): Promise<void> | undefined {
        return handle(id, context);
      }
    }
    const writer = observer.app.get(JetStreamService);
    await writer.createStream({ name: stream, subjects: [pattern], storage: 'memory' });
    for (let id = 1; id <= MESSAGES; id++) {
      const packet = {
        pattern: `served.${serial}.${id % 5}`,
        data: id,
        ...(isRequest && { id: String(id) }),
      };
      await writer.publish(packet.pattern, packet);
    }
    const counted = new Counted();
    const service = await startMicroservice(server.url, {
      controllers: [isRequest ? Requests : Events],
      server: { name: `service${serial}`, instruments: counted.instruments, shutdownTimeout: 300 },
    });
    if (isClosed) {
      await eventually(
        () => begun,
        (count) => count > 20,
      );
    } else await settled(stream);
    const delivered = isClosed ? undefined : await deliveredBy(stream);
    await service.app.close();
    const byOutcome = await counted.byOutcome();
    expect(await counted.sum(), JSON.stringify(byOutcome)).toBe(delivered ?? (await deliveredBy(stream)));
    expect(byOutcome).toMatchObject(
      Object.fromEntries(outcomes.map((outcome) => [outcome, expect.any(Number)])),
    );
  });
});

describe('with losses of the link', () => {
  const all = 600;
  interface Busy extends TestApplication {
    readonly counted: Counted;
    /** The messages that were handled. */
    readonly handled: ReadonlySet<unknown>;
  }

  /** Starts a handler of 600 messages that takes its time. */
  async function startBusy(url: string, instruments: readonly JetStreamInstrument[] = []): Promise<Busy> {
    const counted = new Counted();
    const handled = new Set<unknown>();
    const application = await startApplication(url, {
      connection: { reconnectTimeWait: 50 },
      options: { instruments: [...counted.instruments, ...instruments], shutdownTimeout: 1_000 },
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
    return { ...application, counted, handled };
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
    const ours = await busy.counted.sum();
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
    expect(await busy.counted.sum()).toBe(ended.length);
  });
});
