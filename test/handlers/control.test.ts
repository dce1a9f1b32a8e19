import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

type Command = 'start' | 'pause' | 'resume' | 'stop';

const KINDS = ['All.onTask', 'All.onBatch', 'All.onEntry', 'All.onMessage'] as const;

describe('control of handlers', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  interface Controlled extends TestApplication {
    readonly handled: Record<(typeof KINDS)[number], number>;
    readonly events: string[];
    readonly handlers: Handlers;
    /** One message for each handler. */
    publish(): Promise<void>;
  }

  async function start(
    shutdownTimeout: number,
    url = server.url,
    work = async (): Promise<void> => {},
  ): Promise<Controlled> {
    const name = `CONTROL_${++serial}`;
    const handled: Controlled['handled'] = {
      'All.onTask': 0,
      'All.onBatch': 0,
      'All.onEntry': 0,
      'All.onMessage': 0,
    };
    @Injectable()
    class All {
      @JsConsumer({ stream: name, durable: 'tasks' })
      async onTask(): Promise<void> {
        handled['All.onTask']++;
        await work();
      }
      @JsConsumer({ stream: name, durable: 'batches', batch: { size: 10, maxWait: 10 } })
      async onBatch(): Promise<void> {
        handled['All.onBatch']++;
        await work();
      }
      @KvWatch(name)
      async onEntry(): Promise<void> {
        handled['All.onEntry']++;
        await work();
      }
      @NatsSubscribe(`${name}.core`)
      async onMessage(): Promise<void> {
        handled['All.onMessage']++;
        await work();
      }
    }
    const application = await startApplication(url, {
      feature: {
        streams: [{ name, subjects: [name], storage: 'memory' }],
        keyValues: [{ bucket: name, storage: 'memory' }],
      },
      options: { shutdownTimeout },
      providers: [All],
    });
    const events: string[] = [];
    application.app.get(JetStreamEvents).all.subscribe(({ type }) => {
      // The watch reports its initial values after the start, and not because of a command.
      if (type !== 'watch-initialized') events.push(type);
    });
    const jetstream = application.app.get(JetStreamService);
    const bucket = await application.app.get(KeyValueService).open(name);
    return {
      ...application,
      handled,
      events,
      handlers: application.app.get(Handlers),
      publish: async () => {
        await jetstream.publish(name, 1);
        await bucket.put('key', 1);
        jetstream.requests.connection.nc.publish(`${name}.core`, '1');
        await jetstream.requests.connection.nc.flush();
      },
    };
  }

  const sequences: [string, Command[], string, string[]][] = [
    ['resumed twice', ['pause', 'resume', 'resume'], 'running', ['handler-paused', 'handler-resumed']],
    ['paused twice', ['pause', 'pause'], 'paused', ['handler-paused']],
    ['started twice', ['stop', 'start', 'start'], 'running', ['handler-stopped', 'handler-started']],
    ['stopped during a start', ['stop', 'start', 'stop'], 'stopped', []],
    ['paused and resumed during a pause', ['pause', 'resume', 'pause', 'resume'], 'running', []],
    ['started during a stop', ['stop', 'start'], 'running', ['handler-stopped', 'handler-started']],
    ['resumed after a stop', ['pause', 'stop', 'resume'], 'stopped', []],
  ];
  const cases = KINDS.flatMap((handler) =>
    sequences.map(([what, commands, status, events]) => ({ handler, what, commands, status, events })),
  );

  it.each(cases)('$handler, $what: in order', async ({ handler, commands, status, events }) => {
    await using application = await start(2_000);
    const { handlers, handled } = application;
    await Promise.all(commands.map((command) => handlers[command](handler)));
    expect(handlers.get(handler).status).toBe(status);
    if (handler === 'All.onTask') {
      const consumer = await application.app
        .get(JetStreamService)
        .consumer(handlers.get(handler).source, 'tasks');
      await eventually(
        async () => (await consumer.info()).numWaiting,
        (waiting) => waiting === (status === 'running' ? 1 : 0),
      );
    }
    expect(events.length > 0 ? application.events : events).toEqual(events);
    await application.publish();
    // The other handlers show that the message has been delivered.
    await eventually(
      () => KINDS.filter((each) => each !== handler).map((each) => handled[each]),
      (counts) => counts.every((count) => count === 1),
    );
    if (status === 'running') {
      await eventually(
        () => handled[handler],
        (count) => count === 1,
      );
    }
    await handlers.stop(handler);
    const before = handled[handler];
    await application.publish();
    await delay(50);
    // No call continues after a stop, and no message was delivered twice.
    expect(handled[handler]).toBe(before);
    expect(before).toBe(status === 'running' ? 1 : 0);
  });

  it('a pause during a recovery ends the recovery, and a resume continues it', async () => {
    await using application = await start(2_000);
    const { handlers } = application;
    const { source } = handlers.get('All.onTask');
    const jetstream = application.app.get(JetStreamService);
    await eventually(
      async () => (await (await jetstream.consumer(source, 'tasks')).info()).numWaiting,
      (waiting) => waiting > 0,
    );
    await jetstream.deleteStream(source);
    // The server may let the handler create its consumer once more on the stream that it is removing. Only missing heartbeats
    // report the loss then.
    await eventually(
      () => handlers.get('All.onTask').status,
      (status) => status === 'recovering',
      50_000,
    );
    await handlers.pause('All.onTask');
    expect(handlers.get('All.onTask').status).toBe('paused');
    await expect(handlers.resume('All.onTask')).rejects.toThrow(source);
    expect(handlers.get('All.onTask').status).toBe('paused');
    await jetstream.createStream({ name: source, subjects: [source], storage: 'memory' });
    await handlers.resume('All.onTask');
    expect(handlers.get('All.onTask').status).toBe('running');
    await jetstream.publish(source, 1);
    await eventually(
      () => application.handled['All.onTask'],
      (count) => count === 1,
    );
  }, 90_000);

  it('a server that hangs does not block pause, stop or the end of the application', async () => {
    await using own = await NatsTestServer.start();
    const application = await start(1_000, own.url, () => new Promise(() => undefined));
    const { handlers } = application;
    await application.publish();
    await eventually(
      () => Object.values(application.handled),
      (counts) => counts.every((count) => count === 1),
    );
    own.pause();
    try {
      const pausing = Date.now();
      await Promise.all(KINDS.map((handler) => handlers.pause(handler)));
      expect(Date.now() - pausing).toBeLessThan(4_000);
      const stopping = Date.now();
      await Promise.all(KINDS.map((handler) => handlers.stop(handler)));
      expect(Date.now() - stopping).toBeLessThan(3_000);
      const closing = Date.now();
      await application.app.close();
      expect(Date.now() - closing).toBeLessThan(5_000);
    } finally {
      own.resume();
    }
  });

  it('stop ends within shutdownTimeout even if a resume waits for a server that hangs', async () => {
    await using own = await NatsTestServer.start();
    const application = await start(500, own.url);
    const { handlers } = application;
    await handlers.pause('All.onTask');
    own.pause();
    try {
      const resuming = handlers.resume('All.onTask').catch(() => undefined);
      await delay(20);
      const stopping = Date.now();
      await handlers.stop('All.onTask');
      expect(Date.now() - stopping).toBeLessThan(1_500);
      expect(handlers.get('All.onTask').status).toBe('stopped');
      own.resume();
      await resuming;
      expect(handlers.get('All.onTask').status).toBe('stopped');
    } finally {
      own.resume();
      await application.app.close();
    }
  });

  it.each([
    ['Infinity', Infinity],
    ['30 days', 2_592_000_000],
  ])('a shutdownTimeout of %s waits for handlers in flight', async (_, shutdownTimeout) => {
    let finish = (): void => {};
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const application = await start(shutdownTimeout, server.url, () => gate);
    await application.publish();
    await eventually(
      () => Object.values(application.handled),
      (counts) => counts.every((count) => count === 1),
    );
    let closed = false;
    const closing = application.app.close().then(() => (closed = true));
    await delay(100);
    expect(closed).toBe(false);
    finish();
    await closing;
  });

  it.each([
    { form: 'with a durable', options: { durable: 'named' }, afterPause: [1, 2, 3], afterStop: [1, 2, 3] },
    { form: 'without a name', options: {}, afterPause: [1, 2, 3], afterStop: [1, 2, 1, 2, 3] },
    {
      form: 'ordered',
      options: { ordered: true as const },
      afterPause: [1, 2, 3],
      afterStop: [1, 2, 1, 2, 3],
    },
  ])('a handler $form: continues at the right position', async ({ options, afterPause, afterStop }) => {
    for (const [first, second, expected] of [
      ['pause', 'resume', afterPause],
      ['stop', 'start', afterStop],
    ] as const) {
      const stream = `CONTROL_${++serial}`;
      const seen: number[] = [];
      @Injectable()
      class Reader {
        @JsConsumer({ stream, ...options })
        on(@Payload() id: number): void {
          seen.push(id);
        }
      }
      await using application = await startApplication(server.url, {
        feature: { streams: [{ name: stream, subjects: [stream], storage: 'memory' }] },
        providers: [Reader],
      });
      const { app } = application;
      const jetstream = app.get(JetStreamService);
      for (const id of [1, 2]) await jetstream.publish(stream, id);
      await eventually(
        () => seen.length,
        (count) => count === 2,
      );
      await app.get(Handlers)[first]('Reader.on');
      await app.get(Handlers)[second]('Reader.on');
      await jetstream.publish(stream, 3);
      await eventually(
        () => seen.at(-1),
        (last) => last === 3,
      );
      expect(seen).toEqual(expected);
    }
  });

  it('an ackWait of 100 days needs no keep-alive', async () => {
    let finish = (): void => {};
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const stream = `CONTROL_${++serial}`;
    @Injectable()
    class Slow {
      @JsConsumer({ stream, durable: 'slow', ackWait: 8_640_000_000 })
      onTask(): Promise<void> {
        return gate;
      }
    }
    await using application = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [stream], storage: 'memory' }] },
      providers: [Slow],
    });
    const jetstream = application.app.get(JetStreamService);
    const signs: string[] = [];
    const { nc } = jetstream.requests.connection;
    const subscription = nc.subscribe(`$JS.ACK.${stream}.>`, {
      callback: (_error, message) => {
        signs.push(message.string());
      },
    });
    await jetstream.publish(stream, 1);
    await eventually(
      () => application.app.get(Handlers).get('Slow.onTask').running,
      (running) => running === 1,
    );
    await delay(100);
    expect(signs).toEqual([]);
    subscription.unsubscribe();
    finish();
  });
});
