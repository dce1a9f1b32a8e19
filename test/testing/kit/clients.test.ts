import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { ClientsModule } from '@nestjs/microservices';
import { JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom } from 'rxjs';
import { expect, it } from 'vitest';

@Injectable()
class Shop implements OnModuleInit {
  constructor(
    @Inject('OWN') private readonly own: JetStreamClient,
    @Inject('SHARED') private readonly shared: JetStreamClient,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.own.connect();
  }

  async place(order: object): Promise<void> {
    await firstValueFrom(this.own.emit('orders.placed', order));
    await firstValueFrom(this.shared.emit('orders.placed', order));
  }
}

@Injectable()
class Billing {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
  onPlaced(): void {}
}

/** A gateway with the options of production, which a test does not change. */
@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: 'nats://production.invalid:4222' } }),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
    ClientsModule.register([
      {
        name: 'OWN',
        customClass: JetStreamClient,
        options: { connection: { servers: 'nats://production.invalid:4222', token: 'secret' } },
      },
    ]),
    ClientsModule.registerAsync([
      {
        name: 'SHARED',
        inject: [JetStreamService],
        useFactory: (connection: JetStreamService) => ({
          customClass: JetStreamClient,
          options: { connection },
        }),
      },
    ]),
  ],
  providers: [Shop, Billing],
})
class GatewayModule {}

it('A kit follows the events of the microservice clients of an application', async () => {
  await using kit = await JetStreamTestKit.start({ imports: [GatewayModule] });
  const order = { id: '1' };
  const flow = await kit.track(() => kit.get(Shop).place(order)).settled();
  const published = { subject: 'orders.placed', payload: order };
  expect(flow.published).toMatchObject([published, published]);
  expect(flow.handled.map(({ handler, outcome }) => [handler, outcome])).toEqual([
    ['Billing.onPlaced', 'acked'],
    ['Billing.onPlaced', 'acked'],
  ]);
});

it('A client of a test that uses the connection and the instrument of a kit is followed once', async () => {
  await using kit = await JetStreamTestKit.start({ imports: [GatewayModule] });
  const client = new JetStreamClient({ connection: kit.connection, instruments: [kit.instrument] });
  const flow = await kit.track(() => firstValueFrom(client.emit('orders.placed', 1))).settled();
  expect(flow.handled).toHaveLength(1);
  await client.close();
});
