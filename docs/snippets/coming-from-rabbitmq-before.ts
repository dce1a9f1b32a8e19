import { AmqpConnection, Nack, RabbitMQModule, RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable, Module } from '@nestjs/common';

interface Order {
  readonly id: string;
  readonly total: number;
}

class BankClosed extends Error {}

const charge = (_order: Order): Promise<void> => Promise.resolve();

// #region publish
@Injectable()
export class Shop {
  constructor(private readonly amqp: AmqpConnection) {}

  async place(order: Order): Promise<void> {
    await this.amqp.publish('orders', 'order.placed', order, { messageId: order.id });
  }

  price(article: string): Promise<number> {
    return this.amqp.request<number>({ exchange: 'prices', routingKey: 'price', payload: { article } });
  }
}
// #endregion

@Injectable()
export class Billing {
  // #region subscribe
  @RabbitSubscribe({
    exchange: 'orders',
    routingKey: 'order.*',
    queue: 'billing',
    queueOptions: { durable: true, deadLetterExchange: 'failed', arguments: { 'x-queue-type': 'quorum' } },
  })
  async onOrder(order: Order): Promise<Nack | undefined> {
    try {
      await charge(order);
      return undefined;
    } catch (error) {
      // `true`: back to the queue.
      return new Nack(error instanceof BankClosed);
    }
  }
  // #endregion

  // #region everyone
  @RabbitSubscribe({ exchange: 'settings', routingKey: '#', queueOptions: { exclusive: true } })
  onSetting(setting: unknown): void {
    console.log(setting);
  }
  // #endregion
}

@Injectable()
export class Prices {
  // #region rpc
  @RabbitRPC({ exchange: 'prices', routingKey: 'price', queue: 'prices' })
  price({ article }: { readonly article: string }): number {
    return article.length;
  }
  // #endregion
}

// #region module
@Module({
  imports: [
    RabbitMQModule.forRoot({
      uri: 'amqp://localhost:5672',
      exchanges: [
        { name: 'orders', type: 'topic' },
        { name: 'settings', type: 'topic' },
        { name: 'prices', type: 'direct' },
      ],
      prefetchCount: 8,
    }),
  ],
  providers: [Shop, Billing, Prices],
})
export class AppModule {}
// #endregion
