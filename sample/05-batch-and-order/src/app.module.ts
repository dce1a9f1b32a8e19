import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { Balances } from './balances.js';
import { Ledger } from './ledger.js';

@Module({
  imports: [JetStreamModule.forFeature({ streams: [{ name: 'MOVEMENTS', subjects: ['movements.*'] }] })],
  providers: [Balances, Ledger],
})
export class AppModule {
  static on(servers: string): DynamicModule {
    return { module: AppModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }
}
