import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DEAD_LETTER_STREAM,
  Handlers,
  JetStreamBatchContext,
  JetStreamService,
  jsonCodec,
  JsConsumer,
  type PullJsConsumerOptions,
  type StandardSchema,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** A payload; a codec or schema fails for `bad` ones. */
interface Task {
  readonly id: number;
  readonly bad?: true;
}

const HANDLER = 'Tasks.on';
let server: NatsTestServer;
let serial = 0;

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

/** A batch handler on its own stream. */
class Batches {
  readonly stream = `REFUSALS_${++serial}`;
  readonly subject = `refusals.${serial}`;
  /** The ids of the tasks of each batch that the handler received. */
  readonly batches: number[][] = [];
  /** The id and the delivery count of each task that the handler received. */
  readonly deliveries: { readonly id: number; readonly count: number }[] = [];

  constructor(
    private readonly options: Partial<PullJsConsumerOptions>,
    private readonly handle: (ids: readonly number[]) => unknown = () => undefined,
  ) {}

  start(shutdownTimeout?: number): Promise<TestApplication> {
    const { stream, subject, options } = this;
    const note = (tasks: readonly Task[], context: JetStreamBatchContext): unknown => {
      const ids = tasks.map(({ id }) => id);
      this.batches.push(ids);
      context.messages.forEach(({ metadata }, i) =>
        this.deliveries.push({ id: ids[i], count: metadata.deliveryCount }),
      );
      return this.handle(ids);
    };
    @Injectable()
    class Tasks {
      @JsConsumer({
        stream,
        durable: 'worker',
        filterSubjects: subject,
        batch: { size: 3, maxWait: 200 },
        retry: { maxDeliver: 2, backoff: [5] },
        ...options,
      } as PullJsConsumerOptions)
      on(@Payload() tasks: Task[], @Ctx() context: JetStreamBatchContext): unknown {
        return note(tasks, context);
      }
    }
    return startApplication(server.url, {
      options: shutdownTimeout === undefined ? {} : { shutdownTimeout },
      feature: { streams: [{ name: stream, subjects: [subject], storage: 'memory' }] },
      providers: [Tasks],
    });
  }

  /** Stores tasks at the same time, so that they fill their batches, without the codec of the handler. */
  async publish({ app }: TestApplication, ...tasks: readonly Task[]): Promise<void> {
    const jetStream = app.get(JetStreamService);
    await Promise.all(tasks.map((task) => jetStream.publish(this.subject, task)));
  }

  /** Waits until the consumer of the handler has no pending messages. */
  async settled({ app }: TestApplication): Promise<void> {
    const consumer = await app.get(JetStreamService).consumer(this.stream, 'worker');
    await eventually(
      async () => consumer.info(),
      ({ numPending, numAckPending }) => numPending + numAckPending === 0,
    );
  }

  /** The tasks that became dead letters. */
  async letters({ app }: TestApplication): Promise<number[]> {
    const stream = await app.get(JetStreamService).stream(DEAD_LETTER_STREAM);
    const ids: number[] = [];
    const only = { subject: `dead-letters.${this.stream}.worker`, startSequence: 1 };
    for await (const letter of stream.getMessages(only)) ids.push(letter.json<Task>().id);
    return ids;
  }
}

const isBad = (value: unknown): boolean => (value as Task).bad === true;

function schema(refuse: (value: unknown) => unknown): StandardSchema {
  const validate = (value: unknown): { value: unknown } =>
    (isBad(value) ? refuse(value) : { value }) as { value: unknown };
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

const ISSUES = { issues: [{ message: 'bad' }] };

/** Options that reject a payload permanently. */
const REFUSALS: readonly (readonly [string, Partial<PullJsConsumerOptions>])[] = [
  [
    'the codec throws',
    {
      codec: {
        ...jsonCodec,
        decode: (data) => {
          const value = jsonCodec.decode(data);
          if (isBad(value)) throw new Error('not a task');
          return value;
        },
      },
    },
  ],
  ['the schema has issues', { schema: schema(() => ISSUES) }],
  ['the schema has issues later', { schema: schema(async () => ISSUES) }],
  ['the issues of the schema cannot be read', { schema: schema(() => ({ issues: [null] })) }],
];

/** Options that fail, but may succeed in another delivery. */
const FAILURES: readonly (readonly [string, Partial<PullJsConsumerOptions>])[] = [
  [
    'the schema throws',
    {
      schema: schema(() => {
        throw new Error('no database');
      }),
    },
  ],
  ['the schema rejects', { schema: schema(() => Promise.reject(new Error('no database'))) }],
  ['the schema rejects with nothing', { schema: schema(() => Promise.reject()) }],
  ['the schema returns no result', { schema: schema(async () => undefined) }],
  [
    'the codec rejects',
    {
      codec: {
        ...jsonCodec,
        decode: (data) => {
          const value = jsonCodec.decode(data);
          return isBad(value) ? Promise.reject(new Error('no key')) : value;
        },
      },
    },
  ],
];

const bad = (id: number): Task => ({ id, bad: true });
const good = (id: number): Task => ({ id });

describe('a batch without a valid payload', () => {
  it.each([...REFUSALS, ...FAILURES])(
    'is settled without the handler, and the next batches start: %s',
    async (_, options) => {
      const batches = new Batches({ ...options, deadLetter: true });
      await using application = await batches.start();
      await batches.publish(application, bad(1), bad(2), bad(3), good(4), good(5), good(6));
      await batches.publish(application, bad(7), bad(8), bad(9), good(10), good(11), good(12));
      await batches.settled(application);
      expect(batches.batches.flat().toSorted((a, b) => a - b)).toEqual([4, 5, 6, 10, 11, 12]);
      expect((await batches.letters(application)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 7, 8, 9]);
      const handlers = application.app.get(Handlers);
      await handlers.idle(HANDLER);
      expect(handlers.get(HANDLER)).toMatchObject({ status: 'running', running: 0, waiting: 0 });
    },
  );

  it('releases its slot exactly once', async () => {
    let running = 0;
    let most = 0;
    const batches = new Batches(
      { schema: schema(() => ISSUES), concurrency: 2, batch: { size: 1 } },
      async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
      },
    );
    await using application = await batches.start();
    const tasks = Array.from({ length: 40 }, (_, id) => (id % 2 === 0 ? bad(id) : good(id)));
    await batches.publish(application, ...tasks);
    await batches.settled(application);
    expect(batches.batches).toHaveLength(20);
    expect(most).toBe(2);
  });
});

describe('an invalid message of a batch', () => {
  it.each(REFUSALS)('becomes a dead letter, and the others are handled: %s', async (_, options) => {
    const batches = new Batches({ ...options, deadLetter: true });
    await using application = await batches.start();
    await batches.publish(application, good(1), bad(2), good(3));
    await batches.settled(application);
    expect(batches.batches.flat()).toEqual([1, 3]);
    expect(await batches.letters(application)).toEqual([2]);
  });

  it.each(FAILURES)('is redelivered, and the others are handled once: %s', async (_, options) => {
    const batches = new Batches({ ...options, deadLetter: true });
    await using application = await batches.start();
    await batches.publish(application, good(1), bad(2), good(3));
    await batches.settled(application);
    expect(batches.deliveries).toEqual([
      { id: 1, count: 1 },
      { id: 3, count: 1 },
    ]);
    expect(await batches.letters(application)).toEqual([2]);
    expect(application.logs.of('warn').filter((text) => text.includes('will be retried'))).toHaveLength(1);
  });

  it('is returned at shutdown with the rest of its batch if its schema never settles', async () => {
    let hang = true;
    const hanging = schema(async (value) => (hang ? new Promise(() => undefined) : { value }));
    const batches = new Batches({ schema: hanging, concurrency: 2 });
    const application = await batches.start(500);
    await batches.publish(application, good(1), bad(2), good(3), good(4), good(5), good(6));
    // Another slot continues meanwhile.
    await eventually(
      () => batches.batches,
      (all) => all.length === 1,
    );
    expect(batches.batches).toEqual([[4, 5, 6]]);
    await expectToClose(application, 500);
    hang = false;
    await using again = await batches.start();
    await batches.settled(again);
    expect(batches.deliveries.slice(3).toSorted((a, b) => a.id - b.id)).toEqual(
      [1, 2, 3].map((id) => ({ id, count: 2 })),
    );
  });
});

describe('a batch that never ends', () => {
  it('does not block the shutdown, and its messages and later ones are redelivered', async () => {
    let hang = true;
    const batches = new Batches({}, () => (hang ? new Promise(() => undefined) : undefined));
    const application = await batches.start(500);
    await batches.publish(application, ...[1, 2, 3, 4, 5, 6, 7].map(good));
    await eventually(
      () => batches.batches.length,
      (count) => count === 1,
    );
    await expectToClose(application, 500);
    hang = false;
    batches.batches.length = 0;
    await using again = await batches.start();
    await batches.settled(again);
    expect(batches.batches.flat().toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('becomes dead letters at shutdown if it has no further delivery', async () => {
    const batches = new Batches(
      { deadLetter: true, retry: { maxDeliver: 1 } },
      () => new Promise(() => undefined),
    );
    const application = await batches.start(500);
    await batches.publish(application, good(1), good(2), good(3));
    await eventually(
      () => batches.batches.length,
      (count) => count === 1,
    );
    // Storing dead letters may take another second.
    await expectToClose(application, 1_500);
    await using again = await batches.start();
    expect((await batches.letters(again)).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    expect(batches.batches).toHaveLength(1);
  });

  it.each([
    ['resolves', (end: { resolve(): void }) => end.resolve()],
    ['rejects', (end: { reject(error: Error): void }) => end.reject(new Error('too late'))],
  ])('has no effect if it %s after the shutdown, since its messages were returned', async (_, finish) => {
    const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const batches = new Batches({}, () =>
      ends.length > 0 ? undefined : new Promise<void>((resolve, reject) => ends.push({ resolve, reject })),
    );
    const application = await batches.start(300);
    await batches.publish(application, good(1), good(2), good(3));
    await eventually(
      () => ends.length,
      (count) => count === 1,
    );
    await expectToClose(application, 300);
    finish(ends[0]);
    await using again = await batches.start();
    await batches.settled(again);
    expect(batches.deliveries.slice(3).toSorted((a, b) => a.id - b.id)).toEqual(
      [1, 2, 3].map((id) => ({ id, count: 2 })),
    );
  });

  it('does not block other slots', async () => {
    const batches = new Batches({ concurrency: 2 }, (ids) =>
      ids.includes(1) ? new Promise(() => undefined) : undefined,
    );
    const application = await batches.start(200);
    await batches.publish(application, ...Array.from({ length: 30 }, (_, i) => good(i + 1)));
    await eventually(
      () => batches.batches.flat().length,
      (count) => count === 30,
    );
    const { running } = application.app.get(Handlers).get(HANDLER);
    expect(running).toBe(3);
    await application.app.close();
  });
});

/** Closes an application, which must not take much longer than its shutdown timeout. */
async function expectToClose({ app }: TestApplication, timeout: number): Promise<void> {
  const started = performance.now();
  await app.close();
  expect(performance.now() - started).toBeLessThan(timeout + 2_000);
}
