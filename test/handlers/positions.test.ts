import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  ConsumerNotFoundError,
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  type DeliverPolicy,
  type JsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { collect } from '../jetstream/streams/connected-jetstream.js';
import { eventually } from '../support/eventually.js';

let server: NatsTestServer;
let name = '';
let count = 0;

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  name = `P${++count}`;
});

type Options = Partial<JsConsumerOptions> & {
  readonly maxRequestBatch?: number;
  readonly maxRequestExpires?: number;
};

interface Running extends TestApplication {
  readonly seen: number[];
  readonly jetstream: JetStreamService;
  readonly handlers: Handlers;
  readonly events: string[];
  publish(from: number, to: number): Promise<void>;
  saw(last: number): Promise<number[]>;
}

async function start(
  options: Options,
  before = 0,
  fail?: (id: number) => Promise<void>,
  url = server.url,
): Promise<Running> {
  const seen: number[] = [];
  const streams = [{ name, subjects: [name], storage: 'memory' as const }];
  if (before > 0) {
    await using writer = await startApplication(server.url, { feature: { streams } });
    for (let id = 1; id <= before; id++) await writer.app.get(JetStreamService).publish(name, id);
  }
  @Injectable()
  class Reader {
    @JsConsumer({ stream: name, ...options } as JsConsumerOptions)
    async on(@Payload() payload: number | number[]): Promise<void> {
      for (const id of [payload].flat()) {
        seen.push(id);
        await fail?.(id);
      }
    }
  }
  const application = await startApplication(url, {
    connection: { reconnectTimeWait: 50, timeout: 1_000 },
    feature: { streams },
    providers: [Reader],
  });
  const jetstream = application.app.get(JetStreamService);
  const events: string[] = [];
  application.app.get(JetStreamEvents).all.subscribe(({ type }) => events.push(type));
  return {
    ...application,
    seen,
    jetstream,
    events,
    handlers: application.app.get(Handlers),
    publish: async (from, to) => {
      for (let id = from; id <= to; id++) await jetstream.publish(name, id);
    },
    saw: (last) =>
      eventually(
        () => seen,
        (all) => all.includes(last),
      ),
    [Symbol.asyncDispose]: () => application.app.close(),
  };
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function recreateStream({ jetstream }: Running): Promise<void> {
  const [consumer] = await collect(jetstream.listConsumers(name));
  if (consumer) {
    // The server notifies pull requests that wait at the time of the deletion.
    await eventually(
      async () => (await jetstream.consumer(name, consumer.name)).cachedInfo.numWaiting,
      (waiting) => waiting > 0,
    );
  }
  await jetstream.deleteStream(name);
  await jetstream.createStream({ name, subjects: [name], storage: 'memory' });
}

describe('a stream that is deleted and created again', () => {
  it.each<[string, Options]>([
    ['an ordered handler', { ordered: true }],
    ['an ordered handler of new messages', { ordered: true, deliverPolicy: 'new' }],
    ['a handler without a name', {}],
    ['a handler of new messages without a name', { deliverPolicy: 'new' }],
  ])('is read from its start by %s, with events', async (_, options) => {
    await using running = await start(options);
    await running.publish(1, 50);
    await running.saw(50);
    await recreateStream(running);
    await running.publish(101, 110);
    await running.saw(110);
    expect(running.seen).toEqual([...range(1, 50), ...range(101, 110)]);
    await eventually(
      () => running.events,
      (events) => events.includes('consumer-recovered'),
    );
    expect(running.events.filter((type) => type.startsWith('consumer-'))).toEqual([
      'consumer-lost',
      'consumer-recovered',
    ]);
    expect(running.handlers.get('Reader.on').status).toBe('running');
  });

  it('is read from its start after a pause', async () => {
    await using running = await start({ ordered: true });
    await running.publish(1, 50);
    await running.saw(50);
    await running.handlers.pause('Reader.on');
    await running.jetstream.deleteStream(name);
    await running.jetstream.createStream({ name, subjects: [name], storage: 'memory' });
    await running.publish(101, 170);
    await running.handlers.resume('Reader.on');
    await running.saw(170);
    expect(running.seen.slice(50)).toEqual(range(101, 170));
  });
});

describe('a handler without a name', () => {
  it.each<[string, Options]>([
    ['pull', {}],
    ['push', { push: {} }],
    ['without acknowledgements', { ackMode: 'none' }],
    ['ordered', { ordered: true }],
  ])('continues at its position after a pause: %s', async (_, options) => {
    await using running = await start(options);
    await running.publish(1, 100);
    await running.saw(100);
    await running.handlers.pause('Reader.on');
    await running.publish(101, 110);
    await running.handlers.resume('Reader.on');
    await running.saw(110);
    expect(running.seen).toEqual(range(1, 110));
  });

  it.each<[DeliverPolicy | undefined, Partial<Options>, number[]]>([
    [undefined, {}, range(1, 40)],
    ['all', {}, range(1, 40)],
    ['new', {}, range(21, 40)],
    ['last', {}, range(20, 40)],
    ['by_start_sequence', { startSequence: 11 }, range(11, 40)],
    ['by_start_time', { startTime: new Date(0) }, range(1, 40)],
  ])(
    'continues at its position if its consumer was removed: deliverPolicy %s',
    async (policy, more, expected) => {
      const options = { ...more, ...(policy ? { deliverPolicy: policy } : {}) } as Options;
      await using running = await start(options, 20);
      await running.publish(21, 30);
      await running.saw(30);
      await running.handlers.pause('Reader.on');
      const [{ name: consumer }] = await collect(running.jetstream.listConsumers(name));
      await running.jetstream.deleteConsumer(name, consumer);
      await running.publish(31, 40);
      await running.handlers.resume('Reader.on');
      await running.saw(40);
      expect(running.seen).toEqual(expected);
    },
  );

  it.each<[string, Options]>([
    ['pull', {}],
    ['ordered', { ordered: true }],
  ])('for new messages starts with the first message after the boot: %s', async (_, options) => {
    await using running = await start({ ...options, deliverPolicy: 'new' }, 5);
    await running.handlers.pause('Reader.on');
    for (const consumer of await collect(running.jetstream.listConsumers(name))) {
      // The consumer of an ordered handler may be deleted at the same time, because of the pause.
      await running.jetstream.deleteConsumer(name, consumer.name).catch((error: unknown) => {
        if (!(error instanceof ConsumerNotFoundError)) throw error;
      });
    }
    await running.publish(6, 10);
    await running.handlers.resume('Reader.on');
    await running.saw(10);
    expect(running.seen).toEqual(range(6, 10));
  });

  it.each<[string, Options, number]>([
    ['pull', {}, 1],
    ['pull, new messages', { deliverPolicy: 'new' }, 6],
    ['pull, new messages, before the first one', { deliverPolicy: 'new' }, 11],
    ['push', { push: {} }, 1],
    ['push, new messages', { push: {}, deliverPolicy: 'new' }, 6],
    ['without acknowledgements', { ackMode: 'none' }, 1],
    ['batches', { batch: { size: 3, maxWait: 20 } }, 1],
    ['ordered', { ordered: true }, 1],
    ['ordered, new messages', { ordered: true, deliverPolicy: 'new' }, 6],
  ])(
    'continues at its position after an outage in which its consumer was removed: %s',
    async (_, options, first) => {
      await using proxy = await server.proxy();
      await using observer = await startApplication(server.url, {});
      const jetstream = observer.app.get(JetStreamService);
      const publish = async (from: number, to: number): Promise<void> => {
        for (const id of range(from, to)) await jetstream.publish(name, id);
      };
      const before = first > 10 ? 10 : 5;
      await using running = await start(
        { ...options, inactiveThreshold: 1_000 },
        before,
        undefined,
        proxy.url,
      );
      if (before < 10) {
        await publish(6, 10);
        await running.saw(10);
      }
      const consumers = () => collect(jetstream.listConsumers(name));
      await eventually(consumers, (all) => all.every(({ numAckPending }) => numAckPending === 0));

      proxy.halfOpen('from-server');
      proxy.cut();
      await eventually(consumers, (all) => all.length === 0);
      await publish(11, 20);
      proxy.heal();
      proxy.cut();

      await running.saw(20);
      expect(running.seen).toEqual(range(first, 20));
      expect(running.handlers.get('Reader.on').status).toBe('running');
    },
  );

  it('receives unsettled messages again if its consumer was removed', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let held = false;
    await using running = await start({ concurrency: 4 }, 0, async (id) => {
      if (id !== 3 || held) return;
      held = true;
      await gate;
      throw new Error('not now');
    });
    await running.publish(1, 10);
    await running.saw(10);
    const [{ name: consumer }] = await collect(running.jetstream.listConsumers(name));
    await running.jetstream.deleteConsumer(name, consumer);
    open();
    await eventually(
      () => running.seen.filter((id) => id === 3).length,
      (times) => times === 2,
    );
    expect(running.seen.filter((id) => id < 3)).toEqual([1, 2]);
  });
});

describe('a consumer with priority groups', () => {
  const groups = { priorityPolicy: 'overflow', priorityGroups: ['jobs'] } as const;

  it.each<[string, Options]>([
    ['no group', { ...groups, durable: 'd' }],
    ['another group', { ...groups, durable: 'd', priorityGroup: 'others' }],
  ])('stops the boot of a handler with %s', async (_, options) => {
    const failure = await start(options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(String((failure as Error).message)).toMatch(/Reader\.on.*consumer "d".*"jobs"/s);
  });
});

it('backs off if the consumer of a handler was replaced by one of the other kind', async () => {
  await using running = await start({ durable: 'd' });
  await running.publish(1, 1);
  await running.saw(1);
  await eventually(
    async () => (await running.jetstream.consumer(name, 'd')).cachedInfo.numWaiting,
    (waiting) => waiting > 0,
  );
  await running.jetstream.deleteConsumer(name, 'd');
  await running.jetstream.createPushConsumer(name, { durable: 'd', deliverSubject: `deliver.${name}` });
  const waits = await eventually(
    () =>
      running.logs.of('warn', 'JsConsumer').flatMap((line) => /retrying in (\d+) ms/.exec(line)?.[1] ?? []),
    (all) => all.length > 2,
  );
  expect(running.logs.of('warn', 'JsConsumer').at(-1)).toContain('is a push consumer');
  expect(Number(waits[2])).toBeGreaterThan(Number(waits[0]));
  expect(running.events.filter((type) => type === 'consumer-lost')).toHaveLength(1);
});

describe('limits of a consumer', () => {
  it.each<[string, Options]>([
    ['maxRequestBatch', { maxRequestBatch: 5 }],
    ['maxRequestExpires', { maxRequestExpires: 5_000 }],
    ['maxRequestBatch with a higher concurrency', { maxRequestBatch: 5, concurrency: 32 }],
  ])('are respected by the pull requests of a handler: %s', async (_, options) => {
    await using running = await start({ durable: 'd', ...options } as Options);
    await running.publish(1, 200);
    await running.saw(200);
    expect(new Set(running.seen).size).toBe(200);
    expect(running.events.filter((type) => type === 'handler-interrupted')).toEqual([]);
  });
});
