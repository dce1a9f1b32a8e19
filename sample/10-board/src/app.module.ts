import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { JetStreamBoardModule } from 'nestjs-nats-jetstream/board';
import { Billing } from './billing.js';
import { Reports } from './reports.js';
import { Shipping } from './shipping.js';

/** One instance of the application. */
@Module({ providers: [Billing, Shipping, Reports] })
export class AppModule {
  static on(servers: string, instance: string): DynamicModule {
    return {
      module: AppModule,
      imports: [
        JetStreamModule.forRoot({
          connection: { servers },
          // The board shows all instances, and may pause handlers in each of them.
          discovery: { name: 'shop', version: '1.0.0', metadata: { instance }, control: true },
          bootSummary: false,
        }),
        JetStreamModule.forFeature({
          streams: [
            { name: 'ORDERS', subjects: ['orders.*'], maxMessages: 10_000, allowDirect: true },
            { name: 'PARCELS', subjects: ['parcels.*'], maxMessages: 10_000, allowDirect: true },
          ],
          keyValues: [{ bucket: 'customers', history: 5 }],
        }),
      ],
      providers: [{ provide: 'INSTANCE', useValue: instance }],
    };
  }

  /** An instance that also serves the board. */
  static withBoard(servers: string, instance: string): DynamicModule {
    const app = AppModule.on(servers, instance);
    return {
      ...app,
      imports: [
        ...(app.imports ?? []),
        // It listens on 127.0.0.1 only. Elsewhere, use guards or access in place of public.
        JetStreamBoardModule.forRoot({ title: 'Shop', readOnly: false, public: true }),
      ],
    };
  }
}
