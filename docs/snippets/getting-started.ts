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
  type PubAck,
} from 'nestjs-nats-jetstream';
// #endregion

export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly total: number;
}

export interface Invoice {
  readonly customer: string;
  readonly total: number;
}

// #region publish
@Injectable()
export class Shop {
  constructor(private readonly jetstream: JetStreamService) {}

  place(order: Order): Promise<PubAck> {
    return this.jetstream.publish('orders.placed', order, { messageId: order.id });
  }
}
// #endregion

// #region consume
@Injectable()
export class Billing {
  constructor(@InjectKeyValue('invoices') private readonly invoices: KeyValue<Invoice>) {}

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed' })
  async onPlaced(@Payload() order: Order, @Ctx() context: JetStreamContext): Promise<void> {
    if (context.metadata.deliveryCount > 1) Logger.warn(`order ${order.id} came again`);
    await this.invoices.put(order.id, { customer: order.customer, total: order.total });
  }
}
// #endregion

// #region watch
@Injectable()
export class Reminders {
  readonly open = new Map<string, Invoice>();

  @KvWatch('invoices')
  onInvoice(@Payload() invoice: Invoice | null, @Ctx() context: KvContext): void {
    if (invoice === null) this.open.delete(context.key);
    else this.open.set(context.key, invoice);
  }
}
// #endregion

// #region object-store
@Injectable()
export class Archive {
  constructor(@InjectObjectStore('documents') private readonly documents: ObjectStore) {}

  async keep(name: string, text: string): Promise<void> {
    await this.documents.putString(name, text);
  }

  read(name: string): Promise<string> {
    return this.documents.getString(name);
  }
}
// #endregion

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } }),
    JetStreamModule.forFeature({
      streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
      keyValues: [{ bucket: 'invoices', history: 5 }],
      objectStores: [{ bucket: 'documents' }],
    }),
  ],
  providers: [Shop, Billing, Reminders, Archive],
})
export class AppModule {}
// #endregion

// #region main
export async function bootstrap(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule);
  app.enableShutdownHooks();
}
// #endregion
