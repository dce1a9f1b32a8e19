import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { Carrier } from './carrier.js';
import { LostParcels } from './lost-parcels.js';
import { Shipping } from './shipping.js';

@Module({
  imports: [JetStreamModule.forFeature({ streams: [{ name: 'PARCELS', subjects: ['parcels'] }] })],
  providers: [Carrier, LostParcels, Shipping],
})
export class AppModule {
  static on(servers: string): DynamicModule {
    return { module: AppModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }
}
