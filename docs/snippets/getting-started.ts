// #region imports
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  InjectKeyValue,
  InjectObjectStore,
  JetStreamContext,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KvContext,
  KvWatch,
  type KeyValue,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
// #endregion

// #region types
interface Order {
  readonly id: string;
  readonly customer: string;
  readonly total: number;
}

interface Invoice {
  readonly customer: string;
  readonly total: number;
}
// #endregion

// #region publish
@Injectable()
class Shop {
  private readonly logger = new Logger(Shop.name);

  constructor(private readonly jetstream: JetStreamService) {}

  async place(order: Order): Promise<void> {
    const ack = await this.jetstream.publish('orders.placed', order, { messageId: order.id });
    const already = ack.duplicate ? 'already ' : '';
    this.logger.log(`order ${order.id} is ${already}message ${ack.sequence} of stream ${ack.stream}`);
  }
}
// #endregion

// #region consume
@Injectable()
class Billing {
  private readonly logger = new Logger(Billing.name);

  constructor(@InjectKeyValue('invoices') private readonly invoices: KeyValue<Invoice>) {}

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed' })
  async onPlaced(@Payload() order: Order, @Ctx() context: JetStreamContext): Promise<void> {
    await this.invoices.put(order.id, { customer: order.customer, total: order.total });
    this.logger.log(`order ${order.id} billed, delivery ${context.metadata.deliveryCount}`);
  }
}
// #endregion

// #region watch
@Injectable()
class Reminders {
  private readonly logger = new Logger(Reminders.name);

  @KvWatch('invoices')
  onInvoice(@Payload() invoice: Invoice | null, @Ctx() context: KvContext): void {
    if (invoice === null) this.logger.log(`invoice ${context.key} was deleted`);
    else this.logger.log(`invoice ${context.key}: ${invoice.customer} owes ${invoice.total}`);
  }
}
// #endregion

// #region object-store
@Injectable()
class Archive {
  private readonly logger = new Logger(Archive.name);

  constructor(@InjectObjectStore('documents') private readonly documents: ObjectStore) {}

  async keep(name: string, text: string): Promise<void> {
    const { size } = await this.documents.putString(name, text);
    this.logger.log(`${name} stored, ${size} bytes`);
  }
}
// #endregion

// #region module
@Module({
  imports: [
    JetStreamModule.forRootAsync({
      useFactory: () => ({ connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } }),
    }),
    JetStreamModule.forFeature({
      streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
      keyValues: [{ bucket: 'invoices', history: 5 }],
      objectStores: [{ bucket: 'documents' }],
    }),
  ],
  providers: [Shop, Billing, Reminders, Archive],
})
class AppModule {}
// #endregion

// #region main
async function bootstrap(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule);
  app.enableShutdownHooks();

  await app.get(Shop).place({ id: '4711', customer: 'Sue', total: 129.9 });
  await app.get(Archive).keep('terms.txt', 'Pay within thirty days.');
}

void bootstrap();
// #endregion
