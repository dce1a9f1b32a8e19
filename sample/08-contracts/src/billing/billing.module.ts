import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { ORDERS } from '../contracts/orders.stream.js';
import { Billing } from './billing.js';

@Module({
  imports: [JetStreamModule.forFeature({ streams: [ORDERS] })],
  providers: [Billing],
})
export class BillingModule {
  static on(servers: string): DynamicModule {
    return { module: BillingModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }
}
