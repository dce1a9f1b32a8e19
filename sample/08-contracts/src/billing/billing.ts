import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer, type PayloadInputOf, type PayloadOf, PublishTo } from 'nestjs-nats-jetstream';
import { OrderBilled, OrderPlaced } from '../contracts/orders.js';

/** Bills each order, and publishes the result before the order is acknowledged. */
@Injectable()
export class Billing {
  @PublishTo(OrderBilled, (_billed, { subject }) => OrderPlaced.parse(subject))
  @JsConsumer(OrderPlaced, { durable: 'billing', deadLetter: true })
  onPlaced(@Payload() order: PayloadOf<typeof OrderPlaced>): PayloadInputOf<typeof OrderBilled> {
    return { invoice: `${order.placedAt.getUTCFullYear()}/${order.customer}`, cents: order.cents };
  }
}
