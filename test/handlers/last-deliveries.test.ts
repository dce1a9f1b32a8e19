import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  Handlers,
  JetStreamService,
  JsConsumer,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const MESSAGES = 120;

describe('returning messages never uses their last delivery', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const numbers = Array.from({ length: MESSAGES }, (_, i) => i + 1);

  interface Started extends TestApplication {
    settled(): Promise<unknown>;
  }

  async function start(
    stream: string,
    options: Partial<PullJsConsumerOptions>,
    handle: (ids: number[]) => unknown,
    shutdownTimeout = 5_000,
  ): Promise<Started> {
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker', ...options })
      onTask(@Payload() ids: number | number[], @Ctx() _context: unknown): unknown {
        return handle([ids].flat());
      }
    }
    const application = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [stream], storage: 'memory' }] },
      options: { shutdownTimeout },
      providers: [Tasks],
    });
    const jetstream = application.app.get(JetStreamService);
    const consumer = await jetstream.consumer(stream, 'worker');
    return {
      ...application,
      settled: () =>
        eventually(
          () => consumer.info(),
          ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
        ),
    };
  }

  async function publish(stream: string, ids: readonly number[]): Promise<void> {
    await using writer = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [stream], storage: 'memory' }] },
    });
    for (const id of ids) await writer.app.get(JetStreamService).publish(stream, id);
  }

  const forms: [string, Partial<PullJsConsumerOptions>][] = [
    ['one slot', {}],
    ['four slots', { concurrency: 4 }],
    ['ordered by key', { concurrency: 4, orderBy: (message) => message.text().slice(-1) }],
    ['batches', { batch: { size: 4, maxWait: 20 } }],
    ['a rate limit', { concurrency: 4, rateLimit: { messages: 100, per: 100 } }],
  ];
  const cases = [1, 2, 3, 5].flatMap((maxDeliver) =>
    forms.map(([form, options]) => ({ maxDeliver, form, options })),
  );

  it.each(cases)(
    'maxDeliver $maxDeliver, $form: paused and resumed eight times',
    async ({ maxDeliver, options }) => {
      const stream = `LAST_${++serial}`;
      const handled: number[] = [];
      await publish(stream, numbers);
      await using tasks = await start(stream, { retry: { maxDeliver }, ...options }, async (ids) => {
        await delay(2);
        handled.push(...ids);
      });
      const handlers = tasks.app.get(Handlers);
      for (let i = 0; i < 8; i++) {
        await handlers.pause('Tasks.onTask');
        await handlers.resume('Tasks.onTask');
        await delay(5);
      }
      await tasks.settled();
      expect(handled.toSorted((a, b) => a - b)).toEqual(numbers);
    },
  );

  it.each([1, 2, 5])('maxDeliver %d: shut down and started four times', async (maxDeliver) => {
    const stream = `LAST_${++serial}`;
    const handled: number[] = [];
    await publish(stream, numbers);
    for (let i = 0; i < 5; i++) {
      const tasks = await start(stream, { retry: { maxDeliver }, concurrency: 2 }, async (ids) => {
        await delay(2);
        handled.push(...ids);
      });
      const before = handled.length;
      if (i < 4)
        await eventually(
          () => handled.length,
          (n) => n > before || n === MESSAGES,
        );
      else await tasks.settled();
      await tasks.app.close();
    }
    expect(handled.toSorted((a, b) => a - b)).toEqual(numbers);
  });

  it.each([
    ['messages', { concurrency: 2 }],
    ['batches', { batch: { size: 2, maxWait: 20 } }],
  ])('unfinished at shutdownTimeout, in %s: messages become dead letters', async (_, options) => {
    const stream = `LAST_${++serial}`;
    let begun = 0;
    const tasks = await start(
      stream,
      { retry: { maxDeliver: 1 }, deadLetter: true, ...options },
      (ids) => {
        begun += ids.length;
        return new Promise(() => undefined);
      },
      200,
    );
    await publish(stream, [1, 2]);
    await eventually(
      () => begun,
      (n) => n === 2,
    );
    await tasks.app.close();
    await using observer = await startApplication(server.url, {});
    const letters = await observer.app.get(JetStreamService).stream(DEAD_LETTER_STREAM);
    const kept = await eventually(
      async () => {
        const { messages } = (await letters.info()).state;
        const all = await Promise.all(
          Array.from({ length: messages }, (_each, i) => letters.getMessage(i + 1)),
        );
        return all.filter(({ headers }) => headers?.get(DEAD_LETTER_HEADERS.stream) === stream);
      },
      (all) => all.length === 2,
      3_000,
    );
    expect(kept.map(({ headers }) => headers?.get(DEAD_LETTER_HEADERS.reason))).toEqual([
      'never settled',
      'never settled',
    ]);
  });

  it('unfinished at shutdownTimeout, without deadLetter: one error names the sequences', async () => {
    const stream = `LAST_${++serial}`;
    let begun = 0;
    await publish(stream, [1, 2, 3]);
    const tasks = await start(
      stream,
      { retry: { maxDeliver: 1 }, concurrency: 3 },
      () => {
        begun++;
        return new Promise(() => undefined);
      },
      200,
    );
    await eventually(
      () => begun,
      (n) => n === 3,
    );
    await tasks.app.close();
    expect(tasks.logs.of('error', 'JsConsumer')).toEqual([
      `Tasks.onTask: 3 messages unfinished at shutdown in the last delivery, so not delivered again: ` +
        `sequences 1, 2, 3 of stream "${stream}". Set deadLetter to keep such messages.`,
    ]);
  });
});
