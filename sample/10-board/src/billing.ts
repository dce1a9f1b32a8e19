import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer, PublishTo } from 'nestjs-nats-jetstream';
import type { Order } from './order.js';

export class CardRefused extends Error {}

/** Every tenth order has a card that the bank refuses, also when it is asked again: it becomes a dead letter. */
@Injectable()
export class Billing {
  @PublishTo((order: Order) => `parcels.${order.id}`)
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    concurrency: 4,
    retry: { maxDeliver: 2, backoff: [200] },
    deadLetter: true,
  })
  async onOrder(@Payload() order: Order): Promise<Order> {
    await delay(10 + Math.random() * 40);
    if (order.id % 10 === 0) throw new CardRefused(`the card of ${order.customer} was refused`);
    return order;
  }
}
