import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer, type JetStreamFeatureOptions, PublishTo } from 'nestjs-nats-jetstream';
import type { Traced } from './traced.js';

class CardDeclined extends Error {}

/** The handlers of an order and of its bill, which fails while `state.declined` is true. */
export function billing(traced: Traced, state: { declined: boolean }): new () => object {
  @Injectable()
  class Billing {
    @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.*.placed' })
    @PublishTo((bill: { id: string }) => `bills.${bill.id}`)
    async onPlaced(@Payload() order: { id: string }): Promise<{ id: string }> {
      await Promise.resolve();
      await traced.inSpan('SELECT', () => Promise.resolve());
      return { id: order.id };
    }

    @JsConsumer({
      stream: 'BILLS',
      durable: 'mail',
      filterSubjects: 'bills.*',
      retry: { maxDeliver: 2, backoff: [10] },
      deadLetter: true,
    })
    onBill(@Payload() _: unknown): void {
      if (state.declined) throw new CardDeclined('no money');
    }
  }
  return Billing;
}

export const billingFeature: JetStreamFeatureOptions = {
  streams: [
    { name: 'ORDERS', subjects: ['orders.*.placed'], storage: 'memory' },
    { name: 'BILLS', subjects: ['bills.*'], storage: 'memory' },
  ],
};
