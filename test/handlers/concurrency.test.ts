import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  HandlerNotFoundError,
  Handlers,
  JetStreamContext,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  OnJetStreamEvent,
  type JetStreamEvent,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

interface Step {
  readonly key: string;
  readonly n: number;
}

describe('concurrency and control', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** Starts a handler `Steps.onStep` on a new stream that has `steps` messages already. */
  async function start(
    options: Partial<PullJsConsumerOptions>,
    steps: readonly Step[],
    handle: (step: Step, context: JetStreamContext) => unknown,
    providers: (new () => object)[] = [],
  ): Promise<TestApplication & { publish(step: Step): Promise<unknown>; settled(): Promise<unknown> }> {
    const stream = `STEPS_${++serial}`;
    const prefix = `steps${serial}`;
    const feature = { streams: [{ name: stream, subjects: [`${prefix}.>`], storage: 'memory' as const }] };
    @Injectable()
    class Steps {
      @JsConsumer({ stream, durable: 'steps', ...options })
      onStep(@Payload() step: Step, @Ctx() context: JetStreamContext): unknown {
        return handle(step, context);
      }
    }
    await using writer = await startApplication(server.url, { feature });
    const publisher = writer.app.get(JetStreamService);
    for (const step of steps) await publisher.publish(`${prefix}.${step.key}`, step);
    const application = await startApplication(server.url, { feature, providers: [Steps, ...providers] });
    const jetstream = application.app.get(JetStreamService);
    return {
      ...application,
      publish: (step) => jetstream.publish(`${prefix}.${step.key}`, step),
      settled: async () => {
        const consumer = await jetstream.consumer(stream, 'steps');
        return eventually(
          () => consumer.info(),
          ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
        );
      },
    };
  }

  const steps = (keys: number, each: number): Step[] =>
    Array.from({ length: keys * each }, (_, i) => ({ key: `k${i % keys}`, n: Math.floor(i / keys) }));

  it('gives a free slot the next message while other slots are busy', async () => {
    const handled: number[] = [];
    const hanging: (() => void)[] = [];
    await using application = await start({ concurrency: 8 }, steps(1, 40), async ({ n }) => {
      if (n < 7) await new Promise<void>((resolve) => hanging.push(resolve));
      else handled.push(n);
    });
    await eventually(
      () => handled,
      (all) => all.length === 33,
    );
    expect(hanging).toHaveLength(7);
    for (const end of hanging) end();
    await application.settled();
  });

  it('handles one message at a time by default, or up to `concurrency` at once', async () => {
    for (const concurrency of [undefined, 8]) {
      let running = 0;
      let most = 0;
      await using application = await start(concurrency ? { concurrency } : {}, steps(4, 10), async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running--;
      });
      await application.settled();
      expect(most).toBe(concurrency ?? 1);
    }
  });

  it.each(['a token of the subject', 'a function'])(
    'orderBy %s: keys run in parallel, each in order',
    async (by) => {
      const seen = new Map<string, number[]>();
      const busy = new Set<string>();
      let most = 0;
      await using application = await start(
        { concurrency: 16, orderBy: by === 'a function' ? (message) => message.json<Step>().key : 1 },
        steps(8, 25),
        async ({ key, n }) => {
          expect(busy.has(key)).toBe(false);
          busy.add(key);
          most = Math.max(most, busy.size);
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
          busy.delete(key);
          seen.set(key, [...(seen.get(key) ?? []), n]);
        },
      );
      await application.settled();
      expect(most).toBe(8);
      for (const order of seen.values()) expect(order).toEqual(Array.from({ length: 25 }, (_, n) => n));
    },
  );

  it('handles all buffered messages at once with the largest concurrency', async () => {
    const all = 100;
    let inFlight = 0;
    let finish = (): void => {};
    const gate = new Promise<void>((resolve) => (finish = resolve));
    await using application = await start({ concurrency: 65_536 }, steps(1, all), async () => {
      inFlight++;
      await gate;
    });
    const handlers = application.app.get(Handlers);
    await eventually(
      () => inFlight,
      (count) => count === all,
    );
    expect(handlers.get('Steps.onStep')).toMatchObject({ running: all, waiting: 0 });
    finish();
    await handlers.idle();
    expect(handlers.get('Steps.onStep')).toMatchObject({ running: 0, handled: all });
  });

  it('orderBy with failures: within a key, only redelivered messages are out of order', async () => {
    const seen = new Map<string, { readonly n: number; readonly delivery: number }[]>();
    const failed = new Set<string>();
    await using application = await start(
      { concurrency: 64, orderBy: 1, retry: { backoff: [20] } },
      steps(64, 20),
      async ({ key, n }, { metadata }) => {
        await new Promise((resolve) => setImmediate(resolve));
        const id = `${key}.${n}`;
        if (n % 7 === 3 && !failed.has(id)) {
          failed.add(id);
          throw new Error('injected');
        }
        seen.set(key, [...(seen.get(key) ?? []), { n, delivery: metadata.deliveryCount }]);
      },
    );
    await application.settled();
    expect(seen.size).toBe(64);
    for (const order of seen.values()) {
      expect(order).toHaveLength(20);
      const first = order.filter(({ delivery }) => delivery === 1).map(({ n }) => n);
      expect(first).toEqual([...first].sort((a, b) => a - b));
      expect(order.filter(({ delivery }) => delivery > 1).every(({ n }) => n % 7 === 3)).toBe(true);
    }
  });

  it('slow handlers with a full buffer: keeps messages alive, and pulls no more', async () => {
    const deliveries: number[] = [];
    await using application = await start(
      { ackWait: 200, concurrency: 4 },
      steps(1, 12),
      async (_, { metadata }) => {
        deliveries.push(metadata.deliveryCount);
        await new Promise((resolve) => setTimeout(resolve, 600));
      },
    );
    await application.settled();
    expect(deliveries).toEqual(Array.from({ length: 12 }, () => 1));
  });

  it('maxProcessingTime: stops keeping a message alive, logs it, and the message is redelivered', async () => {
    const deliveries: number[] = [];
    await using application = await start(
      { ackWait: 200, maxProcessingTime: 500, concurrency: 2 },
      steps(1, 1),
      async (_, { metadata }) => {
        deliveries.push(metadata.deliveryCount);
        if (metadata.deliveryCount === 1) await new Promise((resolve) => setTimeout(resolve, 1_500));
      },
    );
    await eventually(
      () => deliveries.length,
      (n) => n === 2,
    );
    await application.app.get(Handlers).idle();
    expect(deliveries).toEqual([1, 2]);
    expect(application.logs.of('warn', 'JsConsumer')).toEqual([
      expect.stringMatching(/^Steps\.onStep: the message .*delivery 1\) is not settled after 500 ms/),
    ]);
  });

  it('rateLimit: limits how many calls start', async () => {
    const at: number[] = [];
    await using application = await start(
      { rateLimit: { messages: 5, per: 100 }, concurrency: 10 },
      steps(1, 20),
      () => void at.push(performance.now()),
    );
    await application.settled();
    // Five at once, then one every 20 ms.
    expect(at[19] - at[0]).toBeGreaterThanOrEqual(280);
    expect(at[4] - at[0]).toBeLessThan(100);
  });

  it('circuitBreaker: pauses at the failure ratio, tries one message, then resumes', async () => {
    let healthy = false;
    const tried: number[] = [];
    const events: string[] = [];
    @Injectable()
    class Watcher {
      @OnJetStreamEvent('circuit-opened', 'circuit-closed')
      onCircuit(event: JetStreamEvent): void {
        events.push(event.type);
      }
    }
    await using application = await start(
      { circuitBreaker: { failureRatio: 0.5, window: 4, pause: 150 }, retry: { backoff: [10] } },
      steps(1, 10),
      () => {
        tried.push(performance.now());
        if (!healthy) throw new Error('down');
      },
      [Watcher],
    );
    await eventually(
      () => events.length,
      (n) => n === 1,
    );
    const handlers = application.app.get(Handlers);
    expect(handlers.get('Steps.onStep').circuitOpen).toBe(true);
    await eventually(
      () => tried.length,
      (n) => n === 6,
    );
    // Four until it opened, then one after each pause.
    expect(tried[4] - tried[3]).toBeGreaterThanOrEqual(140);
    expect(tried[5] - tried[4]).toBeGreaterThanOrEqual(140);
    healthy = true;
    await application.settled();
    expect(events).toEqual(['circuit-opened', 'circuit-closed']);
    expect(handlers.get('Steps.onStep').circuitOpen).toBe(false);
  });

  describe('Handlers', () => {
    it('lists states and figures', async () => {
      await using application = await start({ retry: { maxDeliver: 1 } }, steps(1, 3), ({ n }) => {
        if (n === 1) throw new Error('no');
      });
      await application.settled();
      await application.app.get(Handlers).idle();
      expect(application.app.get(Handlers).list()).toEqual([
        {
          handler: 'Steps.onStep',
          kind: 'consumer',
          connection: 'default',
          source: `STEPS_${serial}`,
          consumer: 'steps',
          delivery: 'pull',
          status: 'running',
          statusAge: expect.any(Number) as number,
          connected: true,
          error: undefined,
          handled: 3,
          failed: 1,
          running: 0,
          waiting: 0,
          oldest: 0,
          circuitOpen: false,
        },
      ]);
    });

    it('pauses and resumes: buffered messages are returned, those in flight finish', async () => {
      const started: number[] = [];
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      await using application = await start({}, steps(1, 6), async ({ n }) => {
        started.push(n);
        if (n === 1) await gate;
      });
      const handlers = application.app.get(Handlers);
      const events: JetStreamEvent[] = [];
      application.app.get(JetStreamEvents).all.subscribe((event) => events.push(event));
      await eventually(
        () => handlers.get('Steps.onStep'),
        ({ running, waiting }) => running === 1 && waiting === 1,
      );
      await handlers.pause('Steps.onStep');
      release();
      await handlers.idle('Steps.onStep');
      expect(handlers.get('Steps.onStep')).toMatchObject({ status: 'paused', handled: 2, waiting: 0 });
      expect(started).toEqual([0, 1]);
      // Another instance receives them now.
      const consumer = await application.app.get(JetStreamService).consumer(`STEPS_${serial}`, 'steps');
      const message = await consumer.next({ maxWait: 1_000 });
      expect(message).toBeDefined();
      message?.ack();
      await handlers.resume('Steps.onStep');
      await application.settled();
      expect(started).toHaveLength(5);
      expect(events.map(({ type }) => type)).toEqual(['handler-paused', 'handler-resumed']);
    });

    it('pauses and resumes a handler with orderBy: waiting keys continue', async () => {
      const handled: string[] = [];
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      await using application = await start({ orderBy: 1 }, steps(3, 2), async ({ key, n }) => {
        handled.push(`${key}.${n}`);
        if (handled.length > 1) await gate;
      });
      const handlers = application.app.get(Handlers);
      await eventually(
        () => handlers.get('Steps.onStep'),
        ({ running, waiting }) => running === 1 && waiting === 1,
      );
      await handlers.pause('Steps.onStep');
      release();
      await handlers.idle('Steps.onStep');
      await handlers.resume('Steps.onStep');
      await application.settled();
      expect(handled.toSorted()).toEqual(['k0.0', 'k0.1', 'k1.0', 'k1.1', 'k2.0', 'k2.1']);
    });

    it('pauses and resumes with messages in flight, and stays within maxMessages afterwards', async () => {
      let release = (): void => undefined;
      let gate = new Promise<void>((resolve) => (release = resolve));
      await using application = await start({ concurrency: 2, maxMessages: 4 }, steps(1, 30), ({ n }) =>
        n < 2 ? undefined : gate,
      );
      const handlers = application.app.get(Handlers);
      const isFull = (): Promise<unknown> =>
        eventually(
          () => handlers.get('Steps.onStep'),
          ({ running, waiting }) => running === 2 && waiting >= 1,
        );
      await isFull();
      await handlers.pause('Steps.onStep');
      await handlers.resume('Steps.onStep');
      for (let cycle = 0; cycle < 5; cycle++) {
        await isFull();
        const opened = release;
        gate = new Promise<void>((resolve) => (release = resolve));
        opened();
      }
      await isFull();
      const consumer = await application.app.get(JetStreamService).consumer(`STEPS_${serial}`, 'steps');
      expect((await consumer.info()).numAckPending).toBeLessThanOrEqual(4);
      release();
    });

    it('stops and starts again', async () => {
      const handled: number[] = [];
      await using application = await start({}, steps(1, 1), ({ n }) => void handled.push(n));
      const handlers = application.app.get(Handlers);
      await eventually(
        () => handled.length,
        (n) => n === 1,
      );
      await handlers.stop('Steps.onStep');
      expect(handlers.get('Steps.onStep').status).toBe('stopped');
      await application.publish({ key: 'k', n: 1 });
      await handlers.start('Steps.onStep');
      await eventually(
        () => handled.length,
        (n) => n === 2,
      );
    });

    it('rejects unknown handlers', async () => {
      await using application = await start({}, [], () => undefined);
      const handlers = application.app.get(Handlers);
      expect(() => handlers.get('Steps.onStop')).toThrow(HandlerNotFoundError);
      await expect(handlers.pause('Other.method')).rejects.toThrow('The known handlers are: Steps.onStep.');
    });
  });

  it('reports connections and consumers as events', async () => {
    const events: string[] = [];
    @Injectable()
    class Watcher {
      @OnJetStreamEvent()
      onEvent(@Payload() event: JetStreamEvent): void {
        events.push(event.type);
        if (event.type === 'disconnected') throw new Error('a listener that fails harms nothing');
      }
    }
    await using own = await NatsTestServer.start();
    @Injectable()
    class Tasks {
      @JsConsumer({ stream: 'TASKS', durable: 'worker' })
      onTask(): void {}
    }
    const application = await startApplication(own.url, {
      feature: { streams: [{ name: 'TASKS', subjects: ['tasks'] }] },
      providers: [Watcher, Tasks],
    });
    await own.restart();
    await eventually(
      () => events,
      (list) => list.includes('reconnected'),
    );
    const stream = await application.app.get(JetStreamService).stream('TASKS');
    await stream.deleteConsumer('worker');
    await eventually(
      () => events,
      (list) => list.includes('consumer-recovered'),
    );
    expect(events.filter((type) => type !== 'handler-interrupted')).toEqual([
      'disconnected',
      'reconnected',
      'consumer-lost',
      'consumer-recovered',
    ]);
    expect(application.logs.of('error', 'JetStreamEvents')[0]).toContain(
      'Watcher.onEvent, called on "disconnected", failed',
    );
    await application.app.close();
  });
});
