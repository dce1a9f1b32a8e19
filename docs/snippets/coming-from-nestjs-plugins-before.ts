import {
  NatsJetStreamClientProxy,
  NatsJetStreamContext,
  NatsJetStreamRecordBuilder,
  NatsJetStreamServer,
  NatsJetStreamTransport,
} from '@nestjs-plugins/nestjs-nats-jetstream-transport';
import { Controller, Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  type CustomStrategy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import type { PubAck } from 'nats';
import { firstValueFrom, timeout } from 'rxjs';

interface Order {
  readonly id: string;
  readonly total: number;
}

const logger = new Logger('Before');

// #region client
@Module({
  imports: [
    NatsJetStreamTransport.register({
      connectionOptions: { servers: process.env.NATS_URL ?? 'localhost:4222', name: 'shop-publisher' },
    }),
  ],
  exports: [NatsJetStreamTransport],
})
export class ClientModule {}
// #endregion

@Injectable()
export class Shop {
  constructor(private readonly client: NatsJetStreamClientProxy) {}

  async place(order: Order): Promise<PubAck> {
    // #region emit
    const builder = new NatsJetStreamRecordBuilder(order);
    builder.setMsgId(order.id);
    builder.appendHeader('Trace-Id', '42');
    return firstValueFrom(this.client.emit<PubAck>('orders.placed', builder.build()));
    // #endregion
  }

  async sum(numbers: readonly number[]): Promise<number> {
    // #region send
    // The observable does not complete, and has no error if the service does not answer in time.
    return firstValueFrom(this.client.send<number>('numbers.sum', numbers).pipe(timeout(5_000)));
    // #endregion
  }
}

// #region controller
@Controller()
export class Orders {
  @EventPattern<unknown>('orders.placed')
  onPlaced(@Payload() order: Order, @Ctx() context: NatsJetStreamContext): void {
    logger.log(`${order.id}: ${order.total}`);
    context.message.ack();
  }

  @MessagePattern('numbers.sum')
  sum(@Payload() numbers: readonly number[]): number {
    return numbers.reduce((sum, each) => sum + each, 0);
  }
}
// #endregion

@Module({ controllers: [Orders] })
class AppModule {}

export async function start(url: string): Promise<INestMicroservice> {
  // #region server
  const options: CustomStrategy = {
    strategy: new NatsJetStreamServer({
      connectionOptions: { servers: url, name: 'shop-listener' },
      consumerOptions: {
        deliverGroup: 'shop-group',
        durable: 'shop-durable',
        deliverTo: 'shop-messages',
        manualAck: true,
        maxDeliver: 5,
      },
      streamConfig: { name: 'ORDERS', subjects: ['orders.placed'] },
    }),
  };
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, options);
  await app.listen();
  // #endregion
  return app;
}
