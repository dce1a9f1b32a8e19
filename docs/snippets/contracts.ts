import { Controller, Injectable, Logger, Module } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { IsInt, IsString, Min } from 'class-validator';
import {
  defineMessage,
  InjectPublisher,
  InvalidMessageError,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsParams,
  JsReceived,
  MessagePipe,
  MessagePublisher,
  NatsSubscribe,
  onMessage,
  type Consumption,
  type ParamsOf,
  type PayloadInputOf,
  type PayloadOf,
  PublishTo,
  type ReceivedOf,
} from 'nestjs-nats-jetstream';
import { z } from 'zod';

// #region define
export const OrderPlaced = defineMessage({
  subject: 'orders.:id.placed',
  schema: z.object({ customer: z.string(), total: z.number(), at: z.coerce.date<string | Date>() }),
  summary: 'A customer placed an order',
});

export const OrderCancelled = defineMessage({
  subject: 'orders.:id.cancelled',
  schema: z.object({ reason: z.string() }),
  summary: 'A customer, or the shop, cancelled an order',
});
// #endregion

// #region class
export class Invoice {
  @IsString() readonly customer: string = '';
  @IsInt() @Min(1) readonly cents: number = 0;
}

export const InvoiceSent = defineMessage({ subject: 'invoices.:order', schema: Invoice });
// #endregion

export function convert(): void {
  // #region subjects
  const subject = OrderPlaced.subject({ id: '7' }); // 'orders.7.placed'
  const { id } = OrderPlaced.parse(subject); // '7'
  Logger.log(`${OrderPlaced.name} matches ${OrderPlaced.filter}: ${id}`); // orders.id.placed matches orders.*.placed: 7
  // #endregion
}

// #region publish
@Injectable()
export class Shop {
  constructor(@InjectPublisher(OrderPlaced) private readonly placed: MessagePublisher<typeof OrderPlaced>) {}

  async place(id: string, order: PayloadInputOf<typeof OrderPlaced>): Promise<number> {
    const { sequence } = await this.placed.publish({ id }, order, { messageId: id });
    return sequence;
  }
}

@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
      messages: [OrderPlaced, OrderCancelled],
    }),
  ],
  providers: [Shop],
  exports: [Shop],
})
export class ShopModule {}
// #endregion

@Injectable()
export class Clerk {
  private readonly logger = new Logger(Clerk.name);

  constructor(
    @InjectPublisher(OrderPlaced) private readonly placed: MessagePublisher<typeof OrderPlaced>,
    @InjectPublisher(OrderCancelled) private readonly cancelled: MessagePublisher<typeof OrderCancelled>,
  ) {}

  // #region invalid
  async import(id: string, line: string): Promise<boolean> {
    try {
      await this.placed.publish({ id }, JSON.parse(line) as PayloadInputOf<typeof OrderPlaced>);
      return true;
    } catch (error) {
      if (!(error instanceof InvalidMessageError)) throw error;
      this.logger.warn(`line skipped: ${error.problem}`);
      return false;
    }
  }
  // #endregion

  async later(id: string): Promise<void> {
    // #region schedule
    await this.cancelled.schedule(
      { id },
      { reason: 'not paid' },
      { subject: `schedules.orders.${id}`, at: new Date(Date.now() + 3 * 24 * 3_600_000) },
    );
    // #endregion
  }
}

const bills = new Map<string, number>();

// #region consume
@Injectable()
export class Billing {
  @JsConsumer(OrderPlaced, { durable: 'billing', concurrency: 8, deadLetter: true })
  onPlaced(
    @Payload() order: PayloadOf<typeof OrderPlaced>,
    @JsParams(OrderPlaced) { id }: ParamsOf<typeof OrderPlaced>,
  ): void {
    bills.set(id, order.total);
    Logger.log(`order ${id} of ${order.at.getFullYear()}`);
  }
}
// #endregion

// #region several
@Injectable()
export class Audit {
  @JsConsumer([OrderPlaced, OrderCancelled], { durable: 'audit' })
  record(
    @Payload() _payload: PayloadOf<typeof OrderPlaced | typeof OrderCancelled>,
    @JsReceived(OrderPlaced, OrderCancelled)
    received: ReceivedOf<typeof OrderPlaced | typeof OrderCancelled>,
  ): void {
    const { id } = received.params;
    if (received.name === OrderPlaced.name) Logger.log(`${id}: ${received.payload.customer}`);
    else Logger.log(`${id}: ${received.payload.reason}`);
  }
}
// #endregion

// #region routes
@Injectable()
@JsConsumer([OrderPlaced, OrderCancelled], { durable: 'statistics' })
export class Statistics {
  @JsHandler(OrderPlaced)
  placed(@Payload() { total }: PayloadOf<typeof OrderPlaced>): void {
    Logger.log(`placed: ${total}`);
  }

  @JsHandler(OrderCancelled)
  cancelled(@Payload() { reason }: PayloadOf<typeof OrderCancelled>): void {
    Logger.log(`cancelled: ${reason}`);
  }
}
// #endregion

@Injectable()
export class Accounting {
  // #region forward
  @JsConsumer(OrderPlaced, { durable: 'accounting' })
  @PublishTo(InvoiceSent, (_invoice, { subject }) => ({ order: OrderPlaced.parse(subject).id }))
  invoice(@Payload() { customer, total }: PayloadOf<typeof OrderPlaced>): Invoice {
    return { customer, cents: Math.round(total * 100) };
  }
  // #endregion
}

// #region callback
export async function follow(jetstream: JetStreamService): Promise<Consumption> {
  const consumer = await jetstream.consumer('ORDERS', 'follower');
  return consumer.consume(
    onMessage([OrderPlaced, OrderCancelled], (received, message) => {
      Logger.log(`${received.name} of order ${received.params.id}`);
      message.ack();
    }),
  );
}
// #endregion

// #region core
export const PriceChanged = defineMessage({ subject: 'prices.:article', schema: z.number(), core: true });

@Injectable()
export class Prices {
  private readonly known = new Map<string, number>();

  @NatsSubscribe(PriceChanged)
  onPrice(
    @Payload() price: number,
    @JsParams(PriceChanged) { article }: ParamsOf<typeof PriceChanged>,
  ): void {
    this.known.set(article, price);
  }
}
// #endregion

// #region pattern
@Controller()
export class Warehouse {
  @EventPattern(OrderPlaced.pattern)
  onPlaced(@Payload(new MessagePipe(OrderPlaced)) order: PayloadOf<typeof OrderPlaced>): void {
    Logger.log(`pack an order of ${order.customer}`);
  }

  @MessagePattern(OrderCancelled.pattern)
  cancel(
    @Payload(new MessagePipe(OrderCancelled)) { reason }: PayloadOf<typeof OrderCancelled>,
    @JsParams(OrderCancelled) { id }: ParamsOf<typeof OrderCancelled>,
  ): string {
    return `order ${id} is cancelled: ${reason}`;
  }
}
// #endregion
