import { Controller, Injectable, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { JetStreamModule, JetStreamService, JsConsumer, NatsSubscribe } from 'nestjs-nats-jetstream';
import { JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom } from 'rxjs';

interface Order {
  readonly id: string;
  readonly total: number;
}

class BankClosed extends Error {}

const charge = (_order: Order): Promise<void> => Promise.resolve();

// #region publish
@Injectable()
export class Shop {
  constructor(
    private readonly jetstream: JetStreamService,
    private readonly client: JetStreamClient,
  ) {}

  async place(order: Order): Promise<void> {
    await this.jetstream.publish('orders.placed', order, { messageId: order.id });
  }

  price(article: string): Promise<number> {
    return firstValueFrom(this.client.send<number>('price', { article }));
  }
}
// #endregion

@Injectable()
export class Billing {
  // #region subscribe
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    filterSubjects: 'orders.*',
    concurrency: 8,
    retry: { retryIf: (error) => error instanceof BankClosed },
    deadLetter: true,
  })
  async onOrder(@Payload() order: Order): Promise<void> {
    await charge(order);
  }
  // #endregion

  // #region everyone
  @NatsSubscribe('settings.>')
  onSetting(@Payload() setting: unknown): void {
    console.log(setting);
  }
  // #endregion
}

@Controller()
export class Prices {
  // #region rpc
  @MessagePattern('price')
  price(@Payload() { article }: { readonly article: string }): number {
    return article.length;
  }
  // #endregion
}

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } }),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
  ],
  controllers: [Prices],
  providers: [
    Shop,
    Billing,
    {
      provide: JetStreamClient,
      inject: [JetStreamService],
      useFactory: (connection: JetStreamService) => new JetStreamClient({ connection }),
    },
  ],
})
export class AppModule {}
// #endregion
