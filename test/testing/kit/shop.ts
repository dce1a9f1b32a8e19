import { Body, Controller, HttpCode, Inject, Injectable, Module, Post } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  type DeadLetterContext,
  InjectJetStream,
  InjectKeyValue,
  JetStreamModule,
  type JetStreamService,
  JsConsumer,
  type KeyValue,
  KvWatch,
  type KvContext,
  OnDeadLetter,
  PublishTo,
} from 'nestjs-nats-jetstream';

export interface Order {
  readonly id: string;
  readonly article: string;
  readonly count: number;
  readonly card: string;
}

interface Invoice {
  readonly order: string;
  readonly article: string;
  readonly count: number;
}

/** The card that a bank accepts only at the third attempt. */
export const SLOW_CARD = 'slow';
/** The card that a bank never accepts. */
export const DECLINED_CARD = 'declined';

export class CardDeclinedError extends Error {
  override readonly name = 'CardDeclinedError';
}

/** The world outside of the application. */
@Injectable()
export class Bank {
  private readonly attempts = new Map<string, number>();

  charge({ id, card }: Order): void {
    const attempt = (this.attempts.get(id) ?? 0) + 1;
    this.attempts.set(id, attempt);
    if (card === SLOW_CARD && attempt < 3) throw new CardDeclinedError(`attempt ${attempt} of order ${id}`);
    if (card === DECLINED_CARD) throw new CardDeclinedError(`order ${id}`);
  }
}

@Injectable()
class Billing {
  constructor(@Inject(Bank) private readonly bank: Bank) {}

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    filterSubjects: 'orders.*.placed',
    concurrency: 4,
    retry: { maxDeliver: 3, backoff: [1_000, 5_000] },
    deadLetter: true,
  })
  @PublishTo('orders.{1}.paid')
  async onPlaced(@Payload() order: Order): Promise<Invoice> {
    this.bank.charge(order);
    return { order: order.id, article: order.article, count: order.count };
  }
}

@Injectable()
class Warehouse {
  constructor(@InjectKeyValue('stock') private readonly stock: KeyValue<number>) {}

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'warehouse',
    filterSubjects: 'orders.*.paid',
    concurrency: 4,
    idempotent: { bucket: 'shipped', key: ({ order }: Invoice) => order, ttl: 86_400_000 },
  })
  async onPaid(@Payload() { article, count }: Invoice): Promise<void> {
    const present = await this.stock.get(article);
    await this.stock.put(article, (present?.value ?? 10) - count);
  }
}

@Injectable()
class Purchasing {
  constructor(@InjectJetStream() private readonly jetstream: JetStreamService) {}

  @KvWatch('stock', { updatesOnly: true })
  async onStock(@Payload() left: number, @Ctx() { key }: KvContext): Promise<void> {
    if (left < 0) await this.jetstream.publish(`purchases.${key}`, { article: key, count: -left });
  }
}

@Injectable()
class Statistics {
  readonly totals = new Map<string, number>();

  @JsConsumer({ stream: 'ORDERS', durable: 'statistics', batch: { size: 50, maxWait: 500 } })
  async onOrders(@Payload() all: readonly { readonly article: string }[]): Promise<void> {
    for (const { article } of all) this.totals.set(article, (this.totals.get(article) ?? 0) + 1);
  }
}

@Injectable()
class Alarms {
  @OnDeadLetter()
  onDeadLetter(@Payload() _order: Order, @Ctx() { deadLetter }: DeadLetterContext): string {
    return deadLetter.reason;
  }
}

@Controller('orders')
class OrdersController {
  constructor(@InjectJetStream() private readonly jetstream: JetStreamService) {}

  @Post()
  @HttpCode(202)
  async place(@Body() order: Order): Promise<{ readonly sequence: number }> {
    const { sequence } = await this.jetstream.publish(`orders.${order.id}.placed`, order);
    return { sequence };
  }
}

/** A shop with the options of production: several replicas, and servers that a test cannot reach. */
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: { servers: 'nats://production.invalid:4222', user: 'shop', pass: 'secret' },
      provisioning: 'assert',
    }),
    JetStreamModule.forFeature({
      streams: [
        { name: 'ORDERS', subjects: ['orders.>'], replicas: 3 },
        { name: 'PURCHASES', subjects: ['purchases.>'], provisioning: 'off' },
      ],
      keyValues: [{ bucket: 'stock', replicas: 3, provisioning: 'assert' }],
    }),
  ],
  controllers: [OrdersController],
  providers: [Bank, Billing, Warehouse, Purchasing, Statistics, Alarms],
})
export class ShopModule {}
