import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamBatchContext,
  JetStreamService,
  JsConsumer,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const OPTIONS: Partial<PullJsConsumerOptions> = {
  ackPolicy: 'all',
  batch: { size: 5, maxWait: 50 },
  retry: { backoff: [300] },
};

interface Batching extends TestApplication {
  publish(from: number, to: number): Promise<void>;
  /** The batches that the handler received. */
  readonly batches: number[][];
  /** The acknowledgement floor and the number of unacknowledged messages. */
  unsettled(): Promise<{ floor: number; pending: number }>;
  settled(): Promise<unknown>;
}

type Handle = (ids: number[], context: JetStreamBatchContext, batches: number[][]) => unknown;

describe("ackPolicy 'all' acknowledges no unsettled message", () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const feature = (
    stream: string,
  ): { streams: { name: string; subjects: string[]; storage: 'memory' }[] } => ({
    streams: [{ name: stream, subjects: [stream], storage: 'memory' }],
  });

  async function start(
    handle: Handle,
    options: Partial<PullJsConsumerOptions> = {},
    stream = `BATCHES_${++serial}`,
  ): Promise<Batching> {
    const batches: number[][] = [];
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker', ...OPTIONS, ...options })
      onTasks(@Payload() ids: number[], @Ctx() context: JetStreamBatchContext): unknown {
        batches.push(ids);
        return handle(ids, context, batches);
      }
    }
    const application = await startApplication(server.url, {
      feature: feature(stream),
      providers: [Tasks],
      options: { shutdownTimeout: 300 },
    });
    const jetstream = application.app.get(JetStreamService);
    const info = async (): Promise<{ floor: number; pending: number; left: number }> => {
      const { ackFloor, numAckPending, numPending } = await (
        await jetstream.consumer(stream, 'worker')
      ).info();
      return { floor: ackFloor.streamSequence, pending: numAckPending, left: numPending };
    };
    return {
      ...application,
      batches,
      publish: async (from, to) => {
        for (let id = from; id <= to; id++) await jetstream.publish(stream, id);
      },
      unsettled: info,
      settled: () => eventually(info, ({ pending, left }) => pending === 0 && left === 0),
    };
  }

  const all = (batches: number[][]): number[] => [...new Set(batches.flat())].toSorted((a, b) => a - b);
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i);

  const failing: [string, Handle][] = [
    [
      'fails, and a later one succeeds',
      (ids, _context, batches) => {
        if (batches.length === 1) throw new Error(`not ${ids.join()}`);
      },
    ],
    [
      'rejects',
      async (_ids, _context, batches) => {
        if (batches.length === 1) throw new Error('no');
      },
    ],
    [
      'returns one message to the server',
      (_ids, { messages }, batches) => {
        if (batches.length === 1) messages[2].nak(200);
      },
    ],
    [
      'returns its last message and acknowledges the previous one',
      (_ids, { messages }, batches) => {
        if (batches.length > 1) return;
        messages[3].ack();
        messages[4].nak(200);
      },
    ],
  ];

  it.each(failing)('a batch that %s', async (_, handle) => {
    const seen: number[] = [];
    await using tasks = await start((ids, context, batches) => {
      const before = context.messages.map(({ settled }) => settled);
      const result = handle(ids, context, batches);
      seen.push(...ids.filter((_id, i) => !before[i]));
      return result;
    });
    await tasks.publish(1, 10);
    await eventually(
      () => tasks.batches.flat(),
      (ids) => ids.includes(10),
    );
    const { floor } = await tasks.unsettled();
    expect(floor).toBeLessThan(5);
    await tasks.settled();
    // Some were redelivered, which settled them.
    expect(tasks.batches.flat().length).toBeGreaterThan(10);
    expect(all(tasks.batches)).toEqual(range(1, 10));
    // No handled message was repeated in the meantime.
    expect(tasks.batches.flat().filter((id) => id > 5)).toHaveLength(5);
  });

  it('settles only the message that becomes a dead letter', async () => {
    await using tasks = await start(
      (_ids, _context, batches) => {
        if (batches.length === 1) throw new Error('no');
      },
      { deadLetter: true },
    );
    const jetstream = tasks.app.get(JetStreamService);
    await tasks.publish(1, 7);
    await jetstream.publish(`BATCHES_${serial}`, 'no JSON');
    await tasks.publish(9, 10);
    await tasks.settled();
    expect(all(tasks.batches)).toEqual([1, 2, 3, 4, 5, 6, 7, 9, 10]);
  });

  it('messages of a crashed process or a lost delivery are redelivered and then acknowledged', async () => {
    const stream = `BATCHES_${++serial}`;
    // Messages that were delivered to another process and never settled.
    await using first = await startApplication(server.url, { feature: feature(stream) });
    const jetstream = first.app.get(JetStreamService);
    await jetstream.createConsumer(stream, { durable: 'worker', ackPolicy: 'all', ackWait: 1_000 });
    for (let id = 1; id <= 3; id++) await jetstream.publish(stream, id);
    const lost = (await jetstream.consumer(stream, 'worker')).fetch(3, { maxWait: 500 });
    for await (const message of lost) expect(message.metadata.deliveryCount).toBe(1);
    await using tasks = await start(() => undefined, { ackWait: 1_000 }, stream);
    await tasks.publish(4, 10);
    await eventually(
      () => tasks.batches.flat(),
      (ids) => ids.includes(10),
    );
    expect((await tasks.unsettled()).floor).toBe(0);
    await tasks.settled();
    expect(all(tasks.batches)).toEqual(range(1, 10));
  });

  it('a message that is never delivered again does not block others forever', async () => {
    await using tasks = await start(
      (_ids, _context, batches) => {
        if (batches.length === 1) throw new Error('no');
      },
      { ackWait: 200, retry: { backoff: [500] } },
    );
    await tasks.publish(1, 10);
    await eventually(
      () => tasks.batches.flat(),
      (ids) => ids.includes(10),
    );
    // Deleted messages cannot be redelivered.
    const stream = await tasks.app.get(JetStreamService).stream(`BATCHES_${serial}`);
    for (let sequence = 1; sequence <= 5; sequence++) await stream.deleteMessage(sequence);
    await tasks.publish(11, 12);
    await eventually(
      () => tasks.batches.flat(),
      (ids) => ids.includes(12),
    );
    await tasks.settled();
    expect(tasks.batches.flat().filter((id) => id > 5)).toEqual([6, 7, 8, 9, 10, 11, 12]);
  });

  it('if the handler is paused and resumed in between', async () => {
    await using tasks = await start((_ids, _context, batches) => {
      if (batches.length <= 2) throw new Error('no');
    });
    await tasks.publish(1, 20);
    const handlers = tasks.app.get(Handlers);
    for (let i = 0; i < 3; i++) {
      await handlers.pause('Tasks.onTasks');
      await handlers.resume('Tasks.onTasks');
    }
    await tasks.settled();
    expect(all(tasks.batches)).toEqual(range(1, 20));
  });

  it('delivers all messages to one of several instances, and another takes over when it is closed', async () => {
    const stream = `BATCHES_${++serial}`;
    await using first = await start(() => undefined, {}, stream);
    await first.publish(1, 5);
    await first.settled();
    await using second = await start(() => undefined, {}, stream);
    await first.publish(6, 15);
    await second.settled();
    expect([all(first.batches), all(second.batches)]).toEqual([range(1, 15), []]);
    await first.app.close();
    await second.publish(16, 20);
    await second.settled();
    expect(all(second.batches)).toEqual(range(16, 20));
  });

  it.each([
    [
      'a priorityPolicy that pins nothing',
      { priorityPolicy: 'overflow', priorityGroups: ['a'], priorityGroup: 'a' },
    ],
    ['unlimited pending acknowledgements', { maxAckPending: -1 }],
  ] as const)('%s stops the boot', async (_, options) => {
    await expect(start(() => undefined, options as Partial<PullJsConsumerOptions>)).rejects.toThrow(
      "ackPolicy 'all' needs",
    );
  });
});
