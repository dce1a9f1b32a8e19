// #region quick-start
import { Injectable, Logger, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { InjectKeyValue, JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { type KeyValue, KvContext, KvWatch, type PubAck } from 'nestjs-nats-jetstream';

type Order = { readonly id: string; readonly customer: string; readonly total: number };

@Injectable()
export class Shop {
  constructor(private readonly jetstream: JetStreamService) {}

  place(order: Order): Promise<PubAck> {
    return this.jetstream.publish('orders.placed', order, { messageId: order.id });
  }
}

@Injectable()
export class Billing {
  private readonly logger = new Logger(Billing.name);

  constructor(@InjectKeyValue('invoices') private readonly invoices: KeyValue<Order>) {}

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed', concurrency: 16 })
  async onPlaced(@Payload() order: Order): Promise<void> {
    await this.invoices.put(order.id, order);
  } // Acknowledged here. If the method throws, the message is redelivered after 1, 5 and 30 seconds.

  @KvWatch('invoices')
  onInvoice(@Payload() invoice: Order | null, @Ctx() { key }: KvContext): void {
    this.logger.log(`${key}: ${invoice ? `${invoice.customer} owes ${invoice.total}` : 'deleted'}`);
  }
}

@Module({
  imports: [
    JetStreamModule.forRootAsync({ useFactory: () => ({ connection: { servers: process.env.NATS_URL } }) }),
    JetStreamModule.forFeature({
      streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
      keyValues: [{ bucket: 'invoices' }],
    }),
  ],
  providers: [Shop, Billing],
})
export class AppModule {}
// #endregion
