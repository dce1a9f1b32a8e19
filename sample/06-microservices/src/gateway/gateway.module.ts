import { type DynamicModule, Module } from '@nestjs/common';
import { ClientsModule } from '@nestjs/microservices';
import { JetStreamClient, type JetStreamClientOptions } from 'nestjs-nats-jetstream/microservice';
import { OrdersController } from './orders.controller.js';
import { SHOP } from './shop.client.js';

@Module({ controllers: [OrdersController] })
export class GatewayModule {
  static on(servers: string): DynamicModule {
    const options: JetStreamClientOptions = { connection: { servers }, timeout: 5_000 };
    return {
      module: GatewayModule,
      imports: [ClientsModule.register([{ name: SHOP, customClass: JetStreamClient, options }])],
    };
  }
}
