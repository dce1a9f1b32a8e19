import { Controller, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import {
  type Consumption,
  DeadLetterReason,
  DeadLetters,
  defineMessage,
  getPublisherToken,
  JetStreamBatchContext,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsMetadata,
  JsParams,
  JsReceived,
  JsSubject,
  type MessageContract,
  type MessageMetadata,
  MessagePipe,
  MessagePublisher,
  NatsSubscribe,
  onMessage,
  type ParamsOf,
  type PayloadOf,
  PublishTo,
  type ReceivedOf,
} from 'nestjs-nats-jetstream';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

class Refund {
  @IsInt() amount = 0;
}

const Placed = defineMessage({
  subject: 'orders.:id.placed',
  schema: z.object({ total: z.string().transform(Number) }),
});
const Cancelled = defineMessage({
  subject: 'orders.:id.cancelled',
  schema: z.object({ reason: z.string() }),
});
/** It matches the subjects of the others. */
const Anything = defineMessage({ subject: 'orders.:id.>', name: 'Anything' });
const Refunded = defineMessage({ subject: 'orders.:id.refunded', schema: Refund });
const Billed = defineMessage({ subject: 'bills.:id', schema: z.object({ total: z.number() }) });
const Unchecked = defineMessage({
  subject: 'orders.:id.unchecked',
  schema: z.object({ total: z.string().transform(Number) }),
  validate: 'publish',
});
const Ticked = defineMessage({
  subject: 'prices.:symbol',
  schema: z.number().transform((price) => price * 100),
  validate: 'consume',
  core: true,
});

const seen: unknown[] = [];
const count = (n: number): Promise<number> =>
  eventually(
    () => seen.length,
    (length) => length >= n,
  );

describe.each(['2.15', '2.9'])('a handler of a message, on nats-server %s', (version) => {
  const hasSeveralFilters = version !== '2.9';
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    seen.length = 0;
  });

  async function start(
    providers: (new (...args: never[]) => object)[],
    messages: MessageContract[] = [Placed, Cancelled, Refunded, Billed, Unchecked, Ticked],
  ): Promise<
    TestApplication & {
      jetstream: JetStreamService;
      of<C extends MessageContract>(c: C): MessagePublisher<C>;
    }
  > {
    const cleaner = await startApplication(server.url, {});
    for (const name of ['ORDERS', 'BILLS', 'DEAD_LETTERS']) {
      await cleaner.app
        .get(JetStreamService)
        .deleteStream(name)
        .catch(() => undefined);
    }
    await cleaner.app.close();
    const application = await startApplication(server.url, {
      feature: {
        streams: [
          { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' },
          { name: 'BILLS', subjects: ['bills.*'], storage: 'memory' },
        ],
        messages,
      },
      providers,
    });
    return {
      ...application,
      jetstream: application.app.get(JetStreamService),
      of: <C extends MessageContract>(contract: C) =>
        application.app.get<MessagePublisher<C>>(getPublisherToken(contract)),
    };
  }

  it('has the stream, the filter and the schema of its contract', async () => {
    @Injectable()
    class Billing {
      @JsConsumer(Placed, { durable: 'billing' })
      onPlaced(
        @Payload() order: PayloadOf<typeof Placed>,
        @JsParams(Placed) { id }: ParamsOf<typeof Placed>,
        @Ctx() context: JetStreamContext,
      ): void {
        seen.push([id, order, context.subject]);
      }
    }
    await using application = await start([Billing]);
    await application.of(Cancelled).publish({ id: '1' }, { reason: 'none' });
    await application.of(Placed).publish({ id: '7' }, { total: '5' });
    await count(1);
    expect(seen).toEqual([['7', { total: 5 }, 'orders.7.placed']]);
    const { config } = (await application.jetstream.consumer('ORDERS', 'billing')).cachedInfo;
    expect(config.filterSubject ?? config.filterSubjects?.[0]).toBe('orders.*.placed');
  });

  it('treats a payload that the schema refuses as invalid: it becomes a dead letter', async () => {
    @Injectable()
    class Billing {
      @JsConsumer(Placed, { durable: 'billing', deadLetter: true })
      onPlaced(@Payload() order: PayloadOf<typeof Placed>): void {
        seen.push(order);
      }
    }
    await using application = await start([Billing]);
    await application.jetstream.publish('orders.1.placed', { total: 5 });
    await application.of(Placed).publish({ id: '2' }, { total: '6' });
    await count(1);
    expect(seen).toEqual([{ total: 6 }]);
    const letters = await eventually(
      async () => (await application.app.get(DeadLetters).page()).letters,
      ({ length }) => length > 0,
    );
    expect(letters[0]).toMatchObject({ subject: 'orders.1.placed', reason: DeadLetterReason.InvalidPayload });
    expect(letters[0]?.error).toContain('total: ');
  });

  it('receives an instance of the class that is its schema', async () => {
    @Injectable()
    class Refunds {
      @JsConsumer(Refunded, { durable: 'refunds', deadLetter: true })
      onRefund(@Payload() refund: Refund): void {
        seen.push(refund);
      }
    }
    await using application = await start([Refunds]);
    await application.jetstream.publish('orders.1.refunded', { amount: 'much' });
    await application.jetstream.publish('orders.1.refunded', [1]);
    await application.of(Refunded).publish({ id: '1' }, { amount: 5 });
    await count(1);
    expect(seen[0]).toBeInstanceOf(Refund);
    const letters = await eventually(
      async () => (await application.app.get(DeadLetters).page()).letters,
      ({ length }) => length === 2,
    );
    expect(letters.map(({ error }) => error).toSorted()).toEqual([
      expect.stringContaining('amount must be an integer'),
      expect.stringContaining('it must be an object with the properties of Refund'),
    ]);
  });

  it('receives payloads as they were decoded if its contract validates only publishers', async () => {
    @Injectable()
    class Billing {
      @JsConsumer(Unchecked, { durable: 'unchecked' })
      onUnchecked(@Payload() order: unknown): void {
        seen.push(order);
      }
    }
    await using application = await start([Billing]);
    await application.jetstream.publish('orders.1.unchecked', { any: 'thing' });
    await application.of(Unchecked).publish({ id: '1' }, { total: '5' });
    await count(2);
    expect(seen).toEqual([{ any: 'thing' }, { total: '5' }]);
  });

  it.runIf(hasSeveralFilters)(
    'receives several messages, and distinguishes them by their names',
    async () => {
      @Injectable()
      class Audit {
        @JsConsumer([Placed, Cancelled], { durable: 'audit', deadLetter: true })
        record(
          @Payload() payload: PayloadOf<typeof Placed | typeof Cancelled>,
          @JsReceived(Placed, Cancelled) received: ReceivedOf<typeof Placed | typeof Cancelled>,
          @JsParams(Cancelled, Placed) { id }: ParamsOf<typeof Placed | typeof Cancelled>,
        ): void {
          expect(received.payload).toBe(payload);
          if (received.name === Placed.name) seen.push([id, 'placed', received.payload.total]);
          else seen.push([received.params.id, 'cancelled', received.payload.reason]);
        }
      }
      await using application = await start([Audit]);
      await application.jetstream.publish('orders.3.placed', { reason: 'not placed' });
      await application.jetstream.publish('orders.1.refunded', { amount: 1 });
      await application.of(Cancelled).publish({ id: '1' }, { reason: 'late' });
      await application.of(Placed).publish({ id: '2' }, { total: '5' });
      await count(2);
      expect(seen).toEqual([
        ['1', 'cancelled', 'late'],
        ['2', 'placed', 5],
      ]);
      const { config } = (await application.jetstream.consumer('ORDERS', 'audit')).cachedInfo;
      expect(config.filterSubjects?.toSorted()).toEqual(['orders.*.cancelled', 'orders.*.placed']);
      await eventually(
        async () => (await application.app.get(DeadLetters).page()).letters.map(({ subject }) => subject),
        (subjects) => subjects.includes('orders.3.placed'),
      );
    },
  );

  it('calls the most specific contract of several that match', async () => {
    @Injectable()
    class Audit {
      @JsConsumer([Anything, Placed], { durable: 'audit' })
      record(
        @Payload() _payload: unknown,
        @JsReceived(Anything, Placed) received: ReceivedOf<typeof Placed | typeof Anything>,
      ): void {
        seen.push(received);
      }
    }
    await using application = await start([Audit]);
    await application.of(Placed).publish({ id: '1' }, { total: '5' });
    await application.of(Cancelled).publish({ id: '2' }, { reason: 'x' });
    await count(2);
    expect(seen).toEqual([
      { name: 'orders.id.placed', params: { id: '1' }, payload: { total: 5 } },
      { name: 'Anything', params: { id: '2', rest: 'cancelled' }, payload: { reason: 'x' } },
    ]);
  });

  it('shares the consumer of its class', async () => {
    @Injectable()
    @JsConsumer([Placed, Cancelled], { durable: 'class' })
    class Audit {
      @JsHandler(Placed)
      placed(
        @Payload() { total }: PayloadOf<typeof Placed>,
        @JsParams(Placed) { id }: ParamsOf<typeof Placed>,
      ): void {
        seen.push([id, total]);
      }

      @JsHandler(Cancelled)
      cancelled(@Payload() { reason }: PayloadOf<typeof Cancelled>): void {
        seen.push(reason);
      }
    }
    await using application = await start([Audit]);
    await application.of(Cancelled).publish({ id: '1' }, { reason: 'late' });
    await application.of(Placed).publish({ id: '2' }, { total: '5' });
    await count(2);
    expect(seen).toEqual(['late', ['2', 5]]);
  });

  it('works in a class whose consumer is declared by its stream', async () => {
    @Injectable()
    @JsConsumer({ stream: 'ORDERS', durable: 'class' })
    class Audit {
      @JsHandler(Placed)
      placed(@Payload() { total }: PayloadOf<typeof Placed>): void {
        seen.push(total);
      }

      @JsHandler('orders.*.cancelled')
      cancelled(@Payload() payload: unknown): void {
        seen.push(payload);
      }
    }
    await using application = await start([Audit]);
    await application.jetstream.publish('orders.1.cancelled', 5);
    await application.of(Placed).publish({ id: '2' }, { total: '6' });
    await count(2);
    expect(seen).toEqual([5, 6]);
  });

  it('receives batches', async () => {
    @Injectable()
    class Batches {
      @JsConsumer(Placed, { durable: 'batches', batch: { size: 2, maxWait: 5_000 } })
      batch(@Payload() orders: PayloadOf<typeof Placed>[], @Ctx() context: JetStreamBatchContext): void {
        seen.push([orders, context.messages.map(({ subject }) => Placed.parse(subject).id)]);
      }
    }
    await using application = await start([Batches]);
    const placed = application.of(Placed);
    await Promise.all([1, 2].map((n) => placed.publish({ id: `${n}` }, { total: `${n}` })));
    await count(1);
    expect(seen).toEqual([
      [
        [{ total: 1 }, { total: 2 }],
        ['1', '2'],
      ],
    ]);
  });

  it.each([
    ['an ordered', { ordered: true } as const],
    ['a push', { durable: 'push', push: { deliverSubject: 'deliver.push' } }],
    ['an ephemeral', {}],
  ])('has %s consumer', async (_, options) => {
    @Injectable()
    class Reader {
      @JsConsumer(Placed, options)
      read(
        @Payload() { total }: PayloadOf<typeof Placed>,
        @JsParams(Placed) { id }: ParamsOf<typeof Placed>,
      ): void {
        seen.push([id, total]);
      }
    }
    await using application = await start([Reader]);
    await application.of(Placed).publish({ id: '1' }, { total: '5' });
    await count(1);
    expect(seen).toEqual([['1', 5]]);
  });

  it('has options that a factory creates, and those that the module names', async () => {
    @Injectable()
    class Billing {
      @JsConsumer(Placed, { useFactory: () => ({ durable: 'made', concurrency: 4 }) })
      made(@Payload() { total }: PayloadOf<typeof Placed>): void {
        seen.push(total);
      }
    }
    await using application = await start([Billing]);
    await application.of(Placed).publish({ id: '1' }, { total: '5' });
    await count(1);
    expect((await application.jetstream.consumer('ORDERS', 'made')).cachedInfo.config.durable).toBe('made');
  });

  it('publishes its result as a message of another contract', async () => {
    @Injectable()
    class Billing {
      @JsConsumer(Placed, { durable: 'billing', deadLetter: true, retry: { maxDeliver: 2, backoff: [10] } })
      @PublishTo(Billed, (bill, { subject }) => ({ id: `${Placed.parse(subject).id}-${bill.total}` }))
      bill(@Payload() { total }: PayloadOf<typeof Placed>): { total: number } {
        return { total: total > 100 ? (`${total}` as unknown as number) : total };
      }

      @JsConsumer(Billed, { durable: 'billed' })
      billed(
        @Payload() bill: PayloadOf<typeof Billed>,
        @JsParams(Billed) { id }: ParamsOf<typeof Billed>,
      ): void {
        seen.push([id, bill]);
      }
    }
    await using application = await start([Billing]);
    await application.of(Placed).publish({ id: '7' }, { total: '500' });
    await application.of(Placed).publish({ id: '8' }, { total: '5' });
    await count(1);
    expect(seen).toEqual([['8-5', { total: 5 }]]);
    const letters = await eventually(
      async () => (await application.app.get(DeadLetters).page()).letters,
      ({ length }) => length > 0,
    );
    expect(letters[0]).toMatchObject({
      subject: 'orders.7.placed',
      reason: DeadLetterReason.DeliveriesUsedUp,
    });
    expect(letters[0]?.error).toContain('"bills.id" to "bills.7-500" is not sent');
  });

  it('is retried if the function of @PublishTo throws, or returns something else than parameters', async () => {
    const results: (() => unknown)[] = [
      () => {
        throw new TypeError('no parameters');
      },
      () => Promise.reject(new TypeError('a promise')),
      () => undefined,
      () => ({ id: 'a.b' }),
      () => ({ id: 'right' }),
    ];
    @Injectable()
    class Billing {
      @JsConsumer(Placed, { durable: 'billing', retry: { backoff: [10] } })
      @PublishTo(Billed, () => results.shift()?.() as ParamsOf<typeof Billed>)
      bill(@Payload() { total }: PayloadOf<typeof Placed>): { total: number } {
        return { total };
      }

      @JsConsumer(Billed, { durable: 'billed' })
      billed(
        @Payload() _bill: unknown,
        @JsMetadata() { streamSequence }: MessageMetadata,
        @JsSubject() subject: string,
      ): void {
        seen.push([streamSequence, subject]);
      }
    }
    await using application = await start([Billing]);
    await application.of(Placed).publish({ id: '1' }, { total: '5' });
    await count(1);
    expect(seen).toEqual([[1, 'bills.right']]);
    expect(results).toEqual([]);
  });

  it('receives messages of core NATS', async () => {
    @Injectable()
    class Ticker {
      @NatsSubscribe(Ticked)
      tick(@Payload() price: number, @JsParams(Ticked) { symbol }: ParamsOf<typeof Ticked>): void {
        seen.push([symbol, price]);
      }
    }
    await using application = await start([Ticker]);
    await application.of(Ticked).publish({ symbol: 'A' }, 'free' as never);
    await application.of(Ticked).publish({ symbol: 'B' }, 5);
    await count(1);
    expect(seen).toEqual([['B', 500]]);
    expect(application.logs.of('error').join()).toContain(
      'Ticker.tick: the message on "prices.A" failed: invalid payload',
    );
  });

  it('is a pattern of a microservice, with a pipe that validates', async () => {
    @Controller()
    class Patterns {
      @EventPattern(Placed.pattern, { durable: 'patterns', retry: { maxDeliver: 1 } })
      placed(
        @Payload(new MessagePipe(Placed)) order: PayloadOf<typeof Placed>,
        @JsParams(Placed) params: unknown,
      ): void {
        seen.push([params, order]);
      }
    }
    @Module({ controllers: [Patterns] })
    class PatternsModule {}
    await using application = await start([]);
    const testing = await Test.createTestingModule({ imports: [PatternsModule] }).compile();
    const service = testing.createNestMicroservice({
      strategy: new JetStreamServer({ name: 'patterns', connection: { servers: server.url } }),
      logger: false,
    });
    await service.listen();
    await application.jetstream.publish('orders.1.placed', { total: 5 });
    await application.of(Placed).publish({ id: '2' }, { total: '6' });
    await count(1);
    expect(seen).toEqual([[{ id: '2' }, { total: 6 }]]);
    await service.close();
  });

  describe('of a callback of consume', () => {
    async function consume(
      { jetstream }: { jetstream: JetStreamService },
      callback: Parameters<Awaited<ReturnType<JetStreamService['consumer']>>['consume']>[0],
    ): Promise<Consumption & { errors: Error[] }> {
      const consumer = await jetstream.createConsumer('ORDERS', { durable: 'raw' });
      const errors: Error[] = [];
      const consumption = consumer.consume(callback, { onError: (error) => errors.push(error) });
      return Object.assign(consumption, { errors });
    }

    it('receives parameters and payload', async () => {
      await using application = await start([]);
      const callback = onMessage([Placed, Refunded], (received, message) => {
        seen.push(received);
        message.ack();
      });
      await using consumption = await consume(application, callback);
      await application.of(Cancelled).publish({ id: '0' }, { reason: 'x' });
      await application.jetstream.publish('orders.1.placed', { total: 1 });
      await application.of(Placed).publish({ id: '2' }, { total: '2' });
      await application.of(Refunded).publish({ id: '3' }, { amount: 3 });
      await count(2);
      expect(seen).toEqual([
        { name: 'orders.id.placed', params: { id: '2' }, payload: { total: 2 } },
        { name: 'orders.id.refunded', params: { id: '3' }, payload: { amount: 3 } },
      ]);
      expect(consumption.errors.map(({ message }) => message)).toEqual([
        expect.stringContaining('"orders.0.cancelled" matches none of the messages'),
        expect.stringContaining('invalid payload: total'),
      ]);
    });

    it('passes an invalid message to onInvalid', async () => {
      await using application = await start([]);
      const callback = onMessage(Placed, () => undefined, {
        onInvalid: (error, message) => {
          seen.push([error.message, message.subject]);
          message.term(error.message);
        },
      });
      await using consumption = await consume(application, callback);
      await application.jetstream.publish('orders.1.placed', { total: 1 });
      await count(1);
      expect(seen).toEqual([[expect.stringContaining('invalid payload: total'), 'orders.1.placed']]);
      expect(consumption.errors).toEqual([]);
    });
  });
});
