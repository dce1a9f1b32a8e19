import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { OrderPlaced } from '../contracts/orders.js';
import { ORDERS } from '../contracts/orders.stream.js';
import { Shop } from './shop.js';

@Module({
  imports: [JetStreamModule.forFeature({ streams: [ORDERS], messages: [OrderPlaced] })],
  providers: [Shop],
})
export class ShopModule {
  static on(servers: string): DynamicModule {
    return { module: ShopModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }
}
