import type { INestMicroservice } from '@nestjs/common';
import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientsModule,
  EventPattern,
  MessagePattern,
  Payload,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import {
  JetStreamService,
  JsConsumer,
  JsHeaders,
  RetryMessage,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamRecordBuilder,
  JetStreamServer,
  type EventExtras,
} from 'nestjs-nats-jetstream/microservice';
import { lastValueFrom } from 'rxjs';

interface Order {
  readonly id: string;
  readonly total: number;
}

export const bank = { isOpen: true, charge: async (_order: Order): Promise<void> => {} };
export const flags = new Map<string, boolean>();

// #region controller
/** The consumer of the old service, which all its events share. */
const SHARED = { durable: 'orders__microservice_ev-consumer', concurrency: 16 } satisfies EventExtras;

@Controller()
export class Orders {
  @EventPattern('orders__microservice.ev.order.created', SHARED)
  async onCreated(@Payload() order: Order): Promise<void> {
    if (order.total < 0) throw new TerminateMessage('a negative total');
    if (!bank.isOpen) throw new RetryMessage(5_000);
    await bank.charge(order);
  }

  @EventPattern('broadcast.flag.changed', {
    durable: 'orders__microservice_broadcast-consumer',
  } satisfies EventExtras)
  onFlag(@Payload() { name, isOn }: { readonly name: string; readonly isOn: boolean }): void {
    flags.set(name, isOn);
  }

  @MessagePattern('orders__microservice.cmd.order.total')
  total(@Payload() order: Order): number {
    return order.total;
  }
}
// #endregion

@Module({ controllers: [Orders] })
class AppModule {}

export async function start(url: string): Promise<INestMicroservice> {
  // #region server
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    strategy: new JetStreamServer({
      name: 'orders',
      connection: { servers: url },
      streams: [
        { name: 'orders__microservice_ev-stream', provisioning: 'off' },
        { name: 'broadcast-stream', provisioning: 'off' },
      ],
    }),
  });
  app.enableShutdownHooks();
  await app.listen();
  // #endregion
  return app;
}

// #region client
@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'ORDERS',
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
  constructor(@Inject('ORDERS') private readonly client: JetStreamClient) {}

  async place(order: Order): Promise<number> {
    // #region emit
    const record = new JetStreamRecordBuilder(order)
      .setMessageId(order.id)
      .setHeaders({ 'x-tenant': 'acme' })
      .build();
    await lastValueFrom(this.client.emit('orders__microservice.ev.order.created', record));
    await lastValueFrom(this.client.emit('broadcast.flag.changed', { name: 'sale', isOn: true }));
    const total = await lastValueFrom(
      this.client.send<number>('orders__microservice.cmd.order.total', order),
    );
    // #endregion
    return total;
  }
}

// #region letters
/** Publishes the dead letters of the old service again, once. */
@Injectable()
export class OldLetters {
  constructor(private readonly jetstream: JetStreamService) {}

  @JsConsumer({ stream: 'orders__microservice_dlq-stream', durable: 'old-letters' })
  async replay(
    @Payload() order: Order,
    @JsHeaders('x-original-subject') subject: string,
    @JsHeaders('x-failed-at') failedAt: string,
  ): Promise<void> {
    await this.jetstream.publish(subject, order, { messageId: `replay-${order.id}-${failedAt}` });
  }
}
// #endregion
