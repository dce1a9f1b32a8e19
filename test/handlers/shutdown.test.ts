import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

describe('at shutdown', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** The state of a handler's consumer, requested by another application. */
  async function consumerState(
    stream: string,
  ): Promise<{ unsettled: number; pending: number; redelivered: number }> {
    await using observer = await startApplication(server.url, {});
    const consumer = await observer.app.get(JetStreamService).consumer(stream, 'worker');
    const { numAckPending, numPending, numRedelivered } = await consumer.info();
    return { unsettled: numAckPending, pending: numPending, redelivered: numRedelivered };
  }

  it('handlers in flight finish and are acknowledged, buffered messages are returned at once', async () => {
    const stream = `TASKS_${++serial}`;
    const started: number[] = [];
    const finished: number[] = [];
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker', concurrency: 2 })
      async onTask(@Payload() id: number): Promise<void> {
        started.push(id);
        await new Promise((resolve) => setTimeout(resolve, 200));
        finished.push(id);
      }
    }
    const feature = {
      streams: [{ name: stream, subjects: [`tasks.${serial}`], storage: 'memory' as const }],
    };
    const application = await startApplication(server.url, { feature, providers: [Tasks] });
    const jetstream = application.app.get(JetStreamService);
    for (let id = 1; id <= 10; id++) await jetstream.publish(`tasks.${serial}`, id);
    await eventually(
      () => started.length,
      (n) => n >= 3,
    );
    await application.app.close();
    expect(finished).toEqual(started);

    const { unsettled, pending } = await consumerState(stream);
    // All except the finished messages are still pending: returned, or never delivered.
    expect(unsettled + pending).toBe(10 - finished.length);

    await using _ = await startApplication(server.url, { feature, providers: [Tasks] });
    await eventually(
      () => finished.length,
      (n) => n === 10,
    );
    expect([...finished].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('the message of a handler that does not end within shutdownTimeout is returned', async () => {
    const stream = `TASKS_${++serial}`;
    let begun = false;
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker' })
      onTask(): Promise<never> {
        begun = true;
        return new Promise(() => undefined);
      }
    }
    const application = await startApplication(server.url, {
      options: { shutdownTimeout: 200 },
      feature: { streams: [{ name: stream, subjects: [`tasks.${serial}`], storage: 'memory' }] },
      providers: [Tasks],
    });
    await application.app.get(JetStreamService).publish(`tasks.${serial}`, 1);
    await eventually(() => begun, Boolean);
    const closing = Date.now();
    await application.app.close();
    expect(Date.now() - closing).toBeLessThan(2_000);
    const shutdown = application.logs.of('log').filter((line) => /stopped|closed/.test(line));
    expect(shutdown).toEqual(['Connection "default": 1 handler stopped', 'Connection "default": closed']);
    expect(application.logs.of('warn', 'JsConsumer')).toEqual([
      'Tasks.onTask: 1 message unfinished after 200 ms, returned to the server',
    ]);
    await using observer = await startApplication(server.url, {});
    const consumer = await observer.app.get(JetStreamService).consumer(stream, 'worker');
    const message = await consumer.next({ maxWait: 2_000 });
    expect(message?.metadata.deliveryCount).toBe(2);
    message?.ack();
  });

  describe.each([
    ['messages', { concurrency: 2 }],
    ['batches', { batch: { size: 3, maxWait: 60_000 }, concurrency: 2 }],
  ])("ackMode 'none', in %s", (_form, options) => {
    const MESSAGES = 40;

    /** Starts a slow handler with some messages in flight and others buffered. */
    async function startBusy(
      module: { readonly shutdownTimeout?: number },
      handle: () => Promise<unknown>,
    ): Promise<{
      readonly application: TestApplication;
      readonly handled: number[];
      /** How many messages the server has delivered, according to the consumer. */
      readonly delivered: (running?: TestApplication) => Promise<number>;
    }> {
      const stream = `TASKS_${++serial}`;
      const handled: number[] = [];
      @Injectable()
      class Tasks {
        @JsConsumer({ stream, durable: 'worker', ackMode: 'none', ...options })
        async onTask(@Payload() tasks: number | number[]): Promise<void> {
          await handle();
          handled.push(...[tasks].flat());
        }
      }
      const feature = {
        streams: [{ name: stream, subjects: [`tasks.${serial}`], storage: 'memory' as const }],
      };
      await using writer = await startApplication(server.url, { feature });
      const jetstream = writer.app.get(JetStreamService);
      for (let id = 1; id <= MESSAGES; id++) await jetstream.publish(`tasks.${serial}`, id);
      const application = await startApplication(server.url, {
        options: module,
        feature,
        providers: [Tasks],
      });
      await eventually(
        () => application.app.get(Handlers).get('Tasks.onTask'),
        ({ running, waiting }) => running > 0 && waiting > 0,
      );
      const read = async ({ app }: TestApplication): Promise<number> => {
        const consumer = await app.get(JetStreamService).consumer(stream, 'worker');
        return (await consumer.info()).delivered.streamSequence;
      };
      return {
        application,
        handled,
        delivered: async (running) => {
          if (running) return await read(running);
          await using observer = await startApplication(server.url, {});
          return await read(observer);
        },
      };
    }

    it('buffered messages are handled too: the server would not deliver them again', async () => {
      const { application, handled, delivered } = await startBusy({}, () => delay(10));
      await application.app.close();
      expect(handled.length).toBeGreaterThan(1);
      expect(handled.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: await delivered() }, (_, i) => i + 1),
      );
    });

    it('a pause ends when buffered messages are handled, and loses none', async () => {
      const { application, handled } = await startBusy({}, () => delay(10));
      const handlers = application.app.get(Handlers);
      await handlers.pause('Tasks.onTask');
      await handlers.idle('Tasks.onTask');
      await handlers.resume('Tasks.onTask');
      await application.app.get(JetStreamService).publish(`tasks.${serial}`, MESSAGES + 1);
      await eventually(
        () => handlers.get('Tasks.onTask'),
        ({ running, waiting, handled: count }) => count + running + waiting === MESSAGES + 1,
      );
      await application.app.close();
      expect(handled.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: MESSAGES + 1 }, (_, i) => i + 1),
      );
    });

    it('messages unfinished after shutdownTimeout are abandoned and counted in the log', async () => {
      let calls = 0;
      const { application, handled, delivered } = await startBusy({ shutdownTimeout: 100 }, () =>
        ++calls > 6 ? new Promise(() => undefined) : delay(1),
      );
      // The first messages may be finished before others are delivered, and messages may be in transit.
      await eventually(
        async () => ({
          sent: await delivered(application),
          ...application.app.get(Handlers).get('Tasks.onTask'),
        }),
        ({ sent, handled: count, running, waiting }) =>
          calls === 8 && waiting > 0 && count + running + waiting === sent,
      );
      const closing = Date.now();
      await application.app.close();
      expect(Date.now() - closing).toBeLessThan(2_000);
      const left = (await delivered()) - handled.length;
      expect(application.logs.of('warn', 'JsConsumer')).toEqual([
        `Tasks.onTask: ${left} messages unfinished after 100 ms, not delivered again`,
      ]);
    });
  });

  it('handlers stop within shutdownTimeout even if the server is down', async () => {
    const own = await NatsTestServer.start();
    @Injectable()
    class Tasks {
      @JsConsumer({ stream: 'TASKS', durable: 'worker' })
      onTask(): void {}

      @JsConsumer({ stream: 'TASKS', durable: 'batches', batch: { size: 10 } })
      onBatch(): void {}

      @NatsSubscribe('tasks.core')
      onMessage(): void {}
    }
    await using application = await startApplication(own.url, {
      options: { shutdownTimeout: 100 },
      feature: { streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' }] },
      providers: [Tasks],
    });
    const handlers = application.app.get(Handlers);
    const disconnected = firstValueFrom(application.app.get(JetStreamEvents).all);
    await own.kill();
    expect(await disconnected).toMatchObject({ type: 'disconnected' });
    const stopping = Date.now();
    await Promise.all(handlers.list().map(({ handler }) => handlers.stop(handler)));
    expect(Date.now() - stopping).toBeLessThan(1_000);
    await own.stop();
  });

  it.each([
    ['become dead letters', true],
    ['are logged', false],
  ])("unfinished messages with ackMode 'first' %s", async (_, deadLetter) => {
    const stream = `TASKS_${++serial}`;
    let running = 0;
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker', ackMode: 'first', concurrency: 2, deadLetter })
      onTask(): Promise<void> {
        running++;
        return new Promise(() => undefined);
      }
    }
    const feature = {
      streams: [{ name: stream, subjects: [`tasks.${serial}`], storage: 'memory' as const }],
    };
    await using observer = await startApplication(server.url, { feature });
    const application = await startApplication(server.url, {
      options: { shutdownTimeout: 100 },
      feature,
      providers: [Tasks],
    });
    const jetstream = observer.app.get(JetStreamService);
    for (let id = 1; id <= 2; id++) await jetstream.publish(`tasks.${serial}`, id);
    await eventually(
      () => running,
      (count) => count === 2,
    );
    await application.app.close();
    const letters: number[] = [];
    if (deadLetter) {
      for await (const letter of observer.app.get(DeadLetters).list({ stream }))
        letters.push(letter.streamSequence);
    }
    expect(letters.toSorted((a, b) => a - b)).toEqual(deadLetter ? [1, 2] : []);
    const lost = /2 messages unfinished at shutdown in the last delivery.* sequences 1, 2 of/;
    const named = application.logs.of('error', 'JsConsumer').map((text) => lost.test(text));
    expect(named).toEqual(deadLetter ? [] : [true]);
  });

  it('handlers start after everything else has started, and stop before anything else does', async () => {
    const stream = `TASKS_${++serial}`;
    const events: string[] = [];
    @Injectable()
    class Database implements OnApplicationBootstrap, OnModuleDestroy {
      open = false;
      async onApplicationBootstrap(): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 50));
        this.open = true;
      }
      onModuleDestroy(): void {
        this.open = false;
      }
    }
    @Injectable()
    class Tasks {
      constructor(private readonly database: Database) {}

      @JsConsumer({ stream, durable: 'worker' })
      async onTask(@Payload() id: number): Promise<void> {
        events.push(`${id} begins ${this.database.open ? 'open' : 'closed'}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
        events.push(`${id} ends ${this.database.open ? 'open' : 'closed'}`);
      }
    }
    const feature = {
      streams: [{ name: stream, subjects: [`tasks.${serial}`], storage: 'memory' as const }],
    };
    await using first = await startApplication(server.url, { feature });
    await first.app.get(JetStreamService).publish(`tasks.${serial}`, 1);
    const application = await startApplication(server.url, { feature, providers: [Tasks, Database] });
    await eventually(
      () => events.length,
      (n) => n === 1,
    );
    await application.app.close();
    expect(events).toEqual(['1 begins open', '1 ends open']);
  });
});
