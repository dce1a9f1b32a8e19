import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer, PublishTo } from 'nestjs-nats-jetstream';

interface Order {
  readonly id: string;
  readonly customer: string;
  readonly lines: readonly Line[];
  readonly express: boolean;
}

interface Line {
  readonly article: string;
  readonly count: number;
}

interface Invoice {
  readonly order: string;
  readonly total: number;
}

interface Pick {
  readonly order: string;
  readonly article: string;
  readonly count: number;
}

@Injectable()
export class Forwarding {
  // #region publish-to
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.*.placed' })
  @PublishTo('invoices.{1}')
  async bill(@Payload() order: Order): Promise<Invoice | undefined> {
    if (order.lines.length === 0) return undefined; // nothing is published
    return { order: order.id, total: await this.prices.of(order) };
  }
  // #endregion

  // #region yields
  @JsConsumer({ stream: 'ORDERS', durable: 'warehouse', filterSubjects: 'orders.*.placed' })
  @PublishTo('picks')
  async *pick(@Payload() order: Order): AsyncGenerator<Pick> {
    for (const { article, count } of order.lines) {
      await this.stock.reserve(article, count);
      yield { order: order.id, article, count };
    }
  }
  // #endregion

  // #region function
  @JsConsumer({ stream: 'ORDERS', durable: 'shipping', filterSubjects: 'orders.*.paid' })
  @PublishTo((order: Order) => (order.express ? 'parcels.express' : 'parcels.standard'), {
    headers: ({ customer }, message) => ({
      Customer: customer,
      'Trace-Id': message.headers?.get('Trace-Id') ?? [],
    }),
  })
  ship(@Payload() order: Order): Order {
    return order;
  }
  // #endregion

  // #region several
  @JsConsumer({ stream: 'ORDERS', durable: 'notices', filterSubjects: 'orders.*.cancelled' })
  @PublishTo('mails.cancelled')
  @PublishTo('audit.cancelled', { connection: 'archive' })
  notify(@Payload() { id, customer }: Order): object {
    return { id, customer };
  }
  // #endregion

  private readonly prices = { of: (_order: Order): Promise<number> => Promise.resolve(1) };
  private readonly stock = {
    reserve: (_article: string, _count: number): Promise<void> => Promise.resolve(),
  };
}
