import { Injectable } from '@nestjs/common';
import type { OrderPlaced } from '../order.js';

/** The orders that were shipped, kept in memory to keep the sample simple. */
@Injectable()
export class Shipments {
  private readonly orders = new Map<string, OrderPlaced>();

  get count(): number {
    return this.orders.size;
  }

  add(order: OrderPlaced): void {
    this.orders.set(order.id, order);
  }

  find(id: string): OrderPlaced | undefined {
    return this.orders.get(id);
  }
}
