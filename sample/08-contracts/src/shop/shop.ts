import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  InjectPublisher,
  JsConsumer,
  JsParams,
  type MessagePublisher,
  type ParamsOf,
  type PayloadOf,
} from 'nestjs-nats-jetstream';
import { OrderBilled, OrderPlaced } from '../contracts/orders.js';

/** Publishes orders, and learns which of them are billed. */
@Injectable()
export class Shop {
  readonly invoices = new Map<string, string>();

  constructor(@InjectPublisher(OrderPlaced) private readonly placed: MessagePublisher<typeof OrderPlaced>) {}

  async place(id: string, customer: string, cents: number): Promise<void> {
    await this.placed.publish({ id }, { customer, cents, placedAt: new Date() }, { messageId: id });
  }

  @JsConsumer(OrderBilled, { durable: 'shop' })
  onBilled(
    @Payload() { invoice }: PayloadOf<typeof OrderBilled>,
    @JsParams(OrderBilled) { id }: ParamsOf<typeof OrderBilled>,
  ): void {
    this.invoices.set(id, invoice);
  }
}
