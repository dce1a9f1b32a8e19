import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer, PublishTo } from 'nestjs-nats-jetstream';
import type { Order } from './order.js';

export class BankBusy extends Error {}

/** The first handler: the bank is busy once, so each order is handled twice; then it goes on to shipping. */
@Injectable()
export class Billing {
  private readonly asked = new Set<number>();

  @PublishTo((order: Order) => `parcels.${order.id}`)
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    filterSubjects: 'orders.*.placed',
    retry: { backoff: [100] },
  })
  async onPlaced(@Payload() order: Order): Promise<Order> {
    if (!this.asked.has(order.id)) {
      this.asked.add(order.id);
      throw new BankBusy('try again later');
    }
    return order;
  }
}
