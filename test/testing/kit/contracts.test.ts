import { Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import {
  defineMessage,
  InvalidMessageError,
  JetStreamModule,
  JsConsumer,
  JsParams,
  NatsSubscribe,
  type ParamsOf,
  type PayloadOf,
  PublishTo,
} from 'nestjs-nats-jetstream';
import { JetStreamTestKit, TestKitAssertionError } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

const OrderPlaced = defineMessage({
  subject: 'orders.:id.placed',
  schema: z.object({ total: z.number(), at: z.coerce.date<string>() }),
});

class Invoice {
  @IsInt() readonly cents: number = 0;
}
const InvoiceSent = defineMessage({ subject: 'invoices.:order', schema: Invoice });
const PriceChanged = defineMessage({ subject: 'prices.:article', schema: z.number(), core: true });
const Unread = defineMessage({ subject: 'orders.:id.unread' });

@Injectable()
class Billing {
  readonly orders: unknown[] = [];

  @JsConsumer(OrderPlaced, { durable: 'billing', deadLetter: true, retry: { maxDeliver: 1 } })
  @PublishTo(InvoiceSent, (_result, { subject }) => ({ order: OrderPlaced.parse(subject).id }))
  onPlaced(
    @Payload() order: PayloadOf<typeof OrderPlaced>,
    @JsParams(OrderPlaced) { id }: ParamsOf<typeof OrderPlaced>,
  ): Invoice {
    this.orders.push(order);
    if (order.total < 0) throw new RangeError(`order ${id} has no total`);
    return { cents: order.total * 100 };
  }

  @JsConsumer(InvoiceSent, { durable: 'invoices' })
  onInvoice(@Payload() _invoice: Invoice): void {}

  @NatsSubscribe(PriceChanged)
  onPrice(@Payload() _price: number): void {}
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({
      streams: [
        { name: 'ORDERS', subjects: ['orders.>'] },
        { name: 'INVOICES', subjects: ['invoices.*'] },
      ],
      messages: [OrderPlaced, InvoiceSent],
    }),
  ],
  providers: [Billing],
})
class BillingModule {}

describe('A kit with contracts', () => {
  let kit: JetStreamTestKit;
  const at = '2026-11-27T08:00:00.000Z';

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [BillingModule] });
  });

  beforeEach(() => kit.forget());

  afterAll(() => kit.close());

  it('publishes a message to the subject of its parameters, and follows it', async () => {
    const tracked = kit.publish(OrderPlaced, { id: '1' }, { total: 5, at });
    const flow = await tracked.settled();
    expect((await tracked.result).stream).toBe('ORDERS');
    expect(flow).toHavePublished(OrderPlaced, { total: 5 });
    expect(flow).toHavePublished(InvoiceSent, { cents: 500 });
    expect(flow).toHaveHandled('Billing.onInvoice', { subject: InvoiceSent });
    expect(flow).not.toHaveDeadLettered(OrderPlaced);
    expect(flow.published.map(({ subject }) => subject)).toEqual(['orders.1.placed', 'invoices.1']);
  });

  it('publishes a message of core NATS', async () => {
    const tracked = kit.publish(PriceChanged, { article: 'pen' }, 3);
    expect(await tracked.settled()).toHaveHandled('Billing.onPrice', { subject: 'prices.pen', payload: 3 });
    expect(await tracked.result).toBeUndefined();
  });

  it('refuses an invalid payload as its publisher does, and sends nothing', async () => {
    const invalid = kit.publish(OrderPlaced, { id: '2' }, { total: 'five' as never, at });
    await expect(invalid.settled()).rejects.toThrow(InvalidMessageError);
    expect(invalid.current).toEqual({ handled: [], published: [], deadLettered: [] });
    await expect(kit.publish(InvoiceSent, { order: '1' }, { cents: 0.5 }).settled()).rejects.toThrow('cents');
  });

  it('refuses a wrong parameter at once', () => {
    expect(() => kit.publish(OrderPlaced, { id: 'a.b' }, { total: 1, at })).toThrow('id');
    expect(() => kit.publish(OrderPlaced, {} as never, { total: 1, at })).toThrow('id');
    expect(() => kit.publish(OrderPlaced, { id: '1' }, { total: 1, at }, { connection: 'other' })).toThrow(
      'there is no connection "other"; those of the application are "default"',
    );
  });

  it('gives the payload as the handler received it, and the parameters', async () => {
    await kit.publish(OrderPlaced, { id: '3' }, { total: 1, at }).settled();
    const { payload, params, handler } = await kit.handled(OrderPlaced);
    expect(payload.at.getTime()).toBe(Date.parse(at));
    expect({ params, handler }).toEqual({ params: { id: '3' }, handler: 'Billing.onPlaced' });
    expect((await kit.handled(InvoiceSent)).payload).toBeInstanceOf(Invoice);
  });

  it('waits for a message with some parameters and a part of the payload', async () => {
    const waiting = kit.handled(OrderPlaced, { params: { id: '5' }, payload: { total: 2 } });
    await kit.publish(OrderPlaced, { id: '4' }, { total: 2, at }).settled();
    await kit.publish(OrderPlaced, { id: '5' }, { total: 1, at }).settled();
    await kit.publish(OrderPlaced, { id: '5' }, { total: 2, at }).settled();
    expect(await waiting).toMatchObject({ params: { id: '5' }, payload: { total: 2 } });
    await expect(kit.handled(OrderPlaced, { params: { id: '6' }, timeout: 20 })).rejects.toThrow(
      'There was no handled message with subject "orders.:id.placed" and params { id: \'6\' } within 20 ms.',
    );
  });

  it('waits for a dead letter', async () => {
    const flow = await kit.publish(OrderPlaced, { id: '7' }, { total: -1, at }).settled({ errors: 'return' });
    expect(flow).toHaveDeadLettered(OrderPlaced);
    const letter = await kit.deadLettered(OrderPlaced, { handler: 'Billing.onPlaced', params: { id: '7' } });
    expect(letter).toMatchObject({
      params: { id: '7' },
      payload: { total: -1 },
      reason: 'deliveries used up',
    });
    const { payload } = await kit.handled(OrderPlaced, { outcome: 'dead-lettered' });
    expect(payload.total).toBe(-1);
  });

  it('gives a payload that the schema refuses as it was decoded', async () => {
    await kit.publish(OrderPlaced.subject({ id: '8' }), { total: 'none' }).settled({ errors: 'return' });
    expect((await kit.handled(OrderPlaced, { outcome: 'dead-lettered' })).payload).toEqual({ total: 'none' });
  });

  it('expects no message of a contract', async () => {
    const nothing = kit.expectNothing(OrderPlaced, { within: 5_000 });
    const failing = kit.publish(OrderPlaced, { id: '9' }, { total: -1, at }).settled({ errors: 'return' });
    await expect(nothing).rejects.toThrow(TestKitAssertionError);
    await failing;
    await kit.publish(Unread, { id: '10' }, {}).settled();
    await kit.expectNothing(OrderPlaced, { within: 20 });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'parameters without a contract',
      () => kit.handled({}, { params: { id: '1' } } as never),
      'the contract',
    ],
    [
      'an unknown parameter',
      () => kit.handled(OrderPlaced, { params: { order: '1' } as never }),
      'there is no "order"; "orders.:id.placed" has the parameters id',
    ],
    [
      'an unknown parameter of a dead letter',
      () => kit.deadLettered(OrderPlaced, { params: { constructor: '1' } as never }),
      'there is no "constructor"',
    ],
    ['an unknown property', () => kit.handled({ subjects: 'a' } as never), 'subjects'],
    ['an unknown option', () => kit.deadLettered(OrderPlaced, { outcome: 'acked' } as never), 'outcome'],
    ['an unknown outcome', () => kit.handled(OrderPlaced, { outcome: 'ackd' as never }), 'outcome'],
    ['no selector', () => kit.expectNothing(null as never), 'what defineMessage returned'],
  ])('refuses %s', async (_case, wait, problem) => {
    await expect(wait()).rejects.toThrow(problem);
  });

  it('rejects with the error of a function that selects messages', async () => {
    const fail = (): never => {
      throw new Error('not a selector');
    };
    const [waiting, nothing] = await Promise.allSettled([
      kit.handled(fail),
      kit.expectNothing(fail, { within: 5_000 }),
      kit.publish(OrderPlaced, { id: '11' }, { total: 1, at }).settled(),
    ]);
    for (const outcome of [waiting, nothing]) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'not a selector' } });
    }
  });
});
