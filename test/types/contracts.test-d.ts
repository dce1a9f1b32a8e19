/** Types that follow from the contracts of messages. `npm run typecheck` compiles this file; it is never run. */
import { Injectable } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import {
  defineMessage,
  InjectPublisher,
  type JetStreamBatchContext,
  JetStreamModule,
  JsConsumer,
  JsHandler,
  JsParams,
  JsReceived,
  type MessageContract,
  MessagePipe,
  MessagePublisher,
  NatsSubscribe,
  onMessage,
  type ParamsOf,
  type PayloadInputOf,
  type PayloadOf,
  type PubAck,
  type PubAckFuture,
  PublishTo,
  type Consumer,
  type OrderedConsumer,
  type PushConsumer,
  type ReceivedOf,
} from 'nestjs-nats-jetstream';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';

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
  name: 'OrderCancelled',
});
const Refunded = defineMessage({ subject: 'refunds.:customer.:id', schema: Refund });
const Uploaded = defineMessage({ subject: 'files.:bucket.>' });
const Started = defineMessage({ subject: 'service.started', schema: z.object({ at: z.number() }) });
const Ticked = defineMessage({ subject: 'prices.:symbol', schema: z.number(), core: true });

// Right: the types of a contract.
expectTypeOf<ParamsOf<typeof Placed>>().toEqualTypeOf<{ readonly id: string }>();
expectTypeOf<ParamsOf<typeof Refunded>>().toEqualTypeOf<{ readonly customer: string; readonly id: string }>();
expectTypeOf<ParamsOf<typeof Uploaded>>().toEqualTypeOf<{ readonly bucket: string; readonly rest: string }>();
expectTypeOf<ParamsOf<typeof Started>>().toEqualTypeOf<Readonly<Record<string, never>>>();
expectTypeOf<PayloadOf<typeof Placed>>().toEqualTypeOf<{ total: number }>();
expectTypeOf<PayloadInputOf<typeof Placed>>().toEqualTypeOf<{ total: string }>();
expectTypeOf<PayloadOf<typeof Refunded>>().toEqualTypeOf<Refund>();
expectTypeOf<PayloadOf<typeof Uploaded>>().toEqualTypeOf<unknown>();
expectTypeOf(Placed.name).toEqualTypeOf<'orders.id.placed'>();
expectTypeOf(Uploaded.name).toEqualTypeOf<'files.bucket.rest'>();
expectTypeOf(Cancelled.name).toEqualTypeOf<'OrderCancelled'>();
expectTypeOf(Uploaded.filter).toEqualTypeOf<'files.*.>'>();
expectTypeOf(Placed.parse('orders.1.placed')).toEqualTypeOf<{ readonly id: string }>();
expectTypeOf(Placed.subject({ id: '1' })).toEqualTypeOf<string>();
expectTypeOf<typeof Placed>().toExtend<MessageContract>();
expectTypeOf<typeof Ticked>().toExtend<MessageContract>();
expectTypeOf<ReceivedOf<typeof Placed | typeof Cancelled>['name']>().toEqualTypeOf<
  'orders.id.placed' | 'OrderCancelled'
>();

// Wrong: definitions and subjects.
// @ts-expect-error the subject is required
defineMessage({ schema: z.string() });
// @ts-expect-error not a schema
defineMessage({ subject: 'a', schema: { type: 'string' } });
// @ts-expect-error there is no such option
defineMessage({ subject: 'a', stream: 'ORDERS' });
// @ts-expect-error not a mode of validation
defineMessage({ subject: 'a', validate: 'never' });
// @ts-expect-error an example that the schema refuses
defineMessage({ subject: 'a', schema: z.object({ id: z.number() }), examples: [{ id: 'one' }] });
// @ts-expect-error the parameter has another name
Placed.subject({ order: '1' });
// @ts-expect-error a parameter is missing
Refunded.subject({ id: '1' });
// @ts-expect-error a parameter is text
Placed.subject({ id: 1 });
// @ts-expect-error there is no such parameter
Started.subject({ id: '1' });

JetStreamModule.forFeature({ messages: [Placed, Cancelled, Refunded, Uploaded, Started, Ticked] });
// @ts-expect-error a subject is not a contract
JetStreamModule.forFeature({ messages: ['orders.placed'] });

@Injectable()
export class Shop {
  constructor(
    @InjectPublisher(Placed) private readonly placed: MessagePublisher<typeof Placed>,
    @InjectPublisher(Started) private readonly started: MessagePublisher<typeof Started>,
    @InjectPublisher(Refunded) private readonly refunded: MessagePublisher<typeof Refunded>,
    @InjectPublisher(Ticked) private readonly ticked: MessagePublisher<typeof Ticked>,
  ) {}

  async right(): Promise<void> {
    expectTypeOf(await this.placed.publish({ id: '1' }, { total: '5' })).toEqualTypeOf<PubAck>();
    await this.placed.publish({ id: '1' }, { total: '5' }, { messageId: '1', headers: { Tenant: 'a' } });
    await this.started.publish({}, { at: 1 });
    await this.refunded.publish({ customer: 'c', id: '1' }, { amount: 5 });
    expectTypeOf(await this.ticked.publish({ symbol: 'X' }, 1, { headers: {} })).toEqualTypeOf<void>();
    expectTypeOf(this.placed.publishAsync({ id: '1' }, { total: '5' })).toEqualTypeOf<PubAckFuture>();
    await this.placed.schedule({ id: '1' }, { total: '5' }, { subject: 'schedules.1', at: new Date() });
    await this.placed.schedule({ id: '1' }, { total: '5' }, { subject: 'schedules.1', cron: '@hourly' });
  }

  wrong(): void {
    // @ts-expect-error the input of the schema is text
    void this.placed.publish({ id: '1' }, { total: 5 });
    // @ts-expect-error the payload is missing
    void this.placed.publish({ id: '1' });
    // @ts-expect-error the parameters are missing
    void this.placed.publish({}, { total: '5' });
    // @ts-expect-error the payload is not the first argument
    void this.started.publish({ at: 1 });
    // @ts-expect-error the contract chooses the codec
    void this.placed.publish({ id: '1' }, { total: '5' }, { codec: undefined });
    // @ts-expect-error a message of core NATS has no id
    void this.ticked.publish({ symbol: 'X' }, 1, { messageId: '1' });
    // @ts-expect-error a message of core NATS has no acknowledgement
    void this.ticked.publishAsync({ symbol: 'X' }, 1);
    // @ts-expect-error the target follows from the contract
    void this.placed.schedule({ id: '1' }, { total: '5' }, { subject: 's', at: new Date(), target: 'a' });
  }
}

@Injectable()
export class RightHandlers {
  @JsConsumer(Placed, { durable: 'a' })
  placed(
    @Payload() _order: { readonly total: number },
    @JsParams(Placed) _params: ParamsOf<typeof Placed>,
  ): void {}

  @JsConsumer(Placed, { durable: 'b' })
  wider(@Payload() _order: { readonly total: number | string }): void {}

  @JsConsumer(Placed, { durable: 'c' })
  none(): void {}

  @JsConsumer([Placed, Cancelled], { durable: 'd' })
  several(
    @Payload() _payload: PayloadOf<typeof Placed | typeof Cancelled>,
    @JsReceived(Placed, Cancelled) received: ReceivedOf<typeof Placed | typeof Cancelled>,
  ): void {
    if (received.name === Placed.name) expectTypeOf(received.payload).toEqualTypeOf<{ total: number }>();
    else expectTypeOf(received.payload).toEqualTypeOf<{ reason: string }>();
  }

  @JsConsumer(Refunded, { durable: 'e' })
  refunded(@Payload() _refund: Refund): void {}

  @JsConsumer(Placed, { durable: 'f', batch: { size: 5 } })
  batch(
    @Payload() _orders: readonly { readonly total: number }[],
    @Ctx() _context: JetStreamBatchContext,
  ): void {}

  @JsConsumer(Placed, { ordered: true })
  ordered(@Payload() _order: { readonly total: number }): void {}

  @JsConsumer(Placed, { push: {}, stream: 'ORDERS' })
  push(@Payload() _order: { readonly total: number }): void {}

  @JsConsumer(Placed, { useFactory: () => ({ durable: 'g' }) })
  made(@Payload() _order: { readonly total: number }): void {}

  @JsConsumer(Placed, { durable: 'h' })
  @PublishTo(Cancelled, (result, message) => ({ id: `${result.reason}${message.subject}` }))
  forwarding(): { reason: string } {
    return { reason: 'none' };
  }

  @JsConsumer(Placed, { durable: 'i' })
  @PublishTo(Started, () => ({}))
  *several2(): Generator<{ at: number }> {
    yield { at: 1 };
  }

  @NatsSubscribe(Ticked, { queue: 'q' })
  ticked(@Payload() _price: number, @JsParams(Ticked) _params: ParamsOf<typeof Ticked>): void {}

  @EventPattern(Placed.pattern)
  payloadOnly(@Payload(new MessagePipe(Placed)) _order: PayloadOf<typeof Placed>): void {}

  // Nest only accepts further parameters of the type `unknown`.
  @EventPattern(Placed.pattern)
  event(@Payload() _order: PayloadOf<typeof Placed>, @JsParams(Placed) _params: unknown): void {}

  @MessagePattern(Placed.pattern)
  request(
    @Payload() _order: PayloadOf<typeof Placed>,
    @JsParams(Placed) _params: ParamsOf<typeof Placed>,
  ): void {}
}

@Injectable()
@JsConsumer([Placed, Cancelled], { durable: 'class' })
export class RightClass {
  @JsHandler(Placed)
  placed(@Payload() _order: { readonly total: number }): void {}

  @JsHandler(Cancelled)
  cancelled(@Payload() _order: PayloadOf<typeof Cancelled>): void {}
}

@Injectable()
export class WrongHandlers {
  // @ts-expect-error the schema produces a number
  @JsConsumer(Placed, { durable: 'a' })
  placed(@Payload() _order: { readonly total: string }): void {}

  // @ts-expect-error the payload is the first parameter
  @JsConsumer(Placed, { durable: 'b' })
  second(
    @JsParams(Placed) _params: ParamsOf<typeof Placed>,
    @Payload() _order: PayloadOf<typeof Placed>,
  ): void {}

  // @ts-expect-error another message may be received
  @JsConsumer([Placed, Cancelled], { durable: 'c' })
  several(@Payload() _order: PayloadOf<typeof Placed>): void {}

  // @ts-expect-error a batch has several payloads
  @JsConsumer(Placed, { durable: 'd', batch: { size: 5 } })
  batch(@Payload() _order: PayloadOf<typeof Placed>): void {}

  // @ts-expect-error the filter follows from the contract
  @JsConsumer(Placed, { durable: 'e', filterSubjects: 'orders.*.placed' })
  filtered(): void {}

  // @ts-expect-error the schema follows from the contract
  @JsConsumer(Placed, { durable: 'f', schema: z.string() })
  schema(): void {}

  // @ts-expect-error an ordered consumer is not durable
  @JsConsumer(Placed, { durable: 'g', ordered: true })
  ordered(): void {}

  // @ts-expect-error the class has other properties
  @JsConsumer(Refunded, { durable: 'h' })
  refunded(@Payload() _refund: { readonly amount: string }): void {}

  // @ts-expect-error the schema produces a number
  @JsHandler(Placed)
  routed(@Payload() _order: { readonly total: string }): void {}

  // @ts-expect-error the price is a number
  @NatsSubscribe(Ticked)
  ticked(@Payload() _price: string): void {}

  // @ts-expect-error the result is not the payload of the message
  @PublishTo(Cancelled, () => ({ id: '1' }))
  forwarding(): { why: string } {
    return { why: 'none' };
  }

  // @ts-expect-error the parameter has another name
  @PublishTo(Cancelled, () => ({ order: '1' }))
  mapped(): { reason: string } {
    return { reason: 'none' };
  }

  // @ts-expect-error the function that returns the parameters is missing
  @PublishTo(Cancelled)
  unmapped(): { reason: string } {
    return { reason: 'none' };
  }
}

/** Callbacks of `consume` need no annotation. */
export function callbacks(consumer: Consumer, ordered: OrderedConsumer, push: PushConsumer): void {
  consumer.consume(
    onMessage(Placed, ({ payload, params }, message) => {
      expectTypeOf(payload).toEqualTypeOf<{ total: number }>();
      expectTypeOf(params).toEqualTypeOf<{ readonly id: string }>();
      message.ack();
    }),
  );
  ordered.consume(
    onMessage([Placed, Cancelled], (received) => {
      if (received.name === 'OrderCancelled') expectTypeOf(received.payload.reason).toEqualTypeOf<string>();
      else expectTypeOf(received.payload.total).toEqualTypeOf<number>();
    }),
  );
  push.consume(
    onMessage(Refunded, async ({ payload: { amount } }) => amount, { onInvalid: () => undefined }),
  );
  onMessage(Placed, ({ payload }) => {
    // @ts-expect-error there is no such property
    void payload.amount;
  });
  onMessage([Placed, Cancelled], ({ payload }) => {
    // @ts-expect-error only one of the messages has it
    void payload.total;
  });
  // @ts-expect-error a subject is not a contract
  onMessage('orders.*.placed', () => undefined);
}
