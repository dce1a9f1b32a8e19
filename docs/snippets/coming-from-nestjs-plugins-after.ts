import { Controller, Inject, Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientsModule,
  EventPattern,
  MessagePattern,
  Payload,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import type { JetStreamService, PubAck } from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamRecordBuilder,
  JetStreamServer,
  type EventExtras,
} from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom } from 'rxjs';

interface Order {
  readonly id: string;
  readonly total: number;
}

const logger = new Logger('After');

// #region client
@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'SHOP',
        customClass: JetStreamClient,
        options: { connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } },
      },
    ]),
  ],
  exports: [ClientsModule],
})
export class ClientModule {}
// #endregion

@Injectable()
export class Shop {
  constructor(@Inject('SHOP') private readonly client: JetStreamClient) {}

  async place(order: Order): Promise<PubAck> {
    // #region emit
    const record = new JetStreamRecordBuilder(order)
      .setMessageId(order.id)
      .setHeaders({ 'Trace-Id': '42' })
      .build();
    return firstValueFrom(this.client.emit<PubAck>('orders.placed', record));
    // #endregion
  }

  async sum(numbers: readonly number[]): Promise<number> {
    // #region send
    return firstValueFrom(this.client.send<number>('numbers.sum', numbers));
    // #endregion
  }
}

// #region controller
@Controller()
export class Orders {
  @EventPattern('orders.placed', { retry: { maxDeliver: 5 } } satisfies EventExtras)
  onPlaced(@Payload() order: Order): void {
    logger.log(`${order.id}: ${order.total}`);
  } // acknowledged when it returns, delivered again with backoff when it throws

  @MessagePattern('numbers.sum')
  sum(@Payload() numbers: readonly number[]): number {
    return numbers.reduce((sum, each) => sum + each, 0);
  }
}
// #endregion

@Module({ controllers: [Orders] })
class AppModule {}

export async function start(url: string, startSequence: number): Promise<INestMicroservice> {
  // #region server
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    strategy: new JetStreamServer({
      name: 'shop',
      connection: { servers: url },
      streams: [{ name: 'ORDERS', subjects: ['orders.placed'], subjectPolicy: 'merge' }],
      // Only for the first start: the event after the last one that the old consumer has handled.
      events: { deliverPolicy: 'by_start_sequence', startSequence },
    }),
  });
  await app.listen();
  // #endregion
  return app;
}

// #region position
/** The position at which a new consumer has to start, after all instances of the old service were stopped. */
export async function positionAfter(jetstream: JetStreamService): Promise<number> {
  const old = await jetstream.pushConsumer('ORDERS', 'shop-durable-orders_placed');
  const { ackFloor, numAckPending } = await old.info();
  if (numAckPending > 0) logger.warn(`${numAckPending} events may be handled again`);
  return ackFloor.streamSequence + 1;
}
// #endregion
