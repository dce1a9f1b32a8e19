import { type DynamicModule, type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { Billing } from './billing.js';
import { OrdersController } from './orders.controller.js';
import { Shipping } from './shipping.js';
import { traceRequests } from './trace-requests.js';

@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [
        { name: 'ORDERS', subjects: ['orders.*.placed'] },
        { name: 'PARCELS', subjects: ['parcels.*'] },
      ],
    }),
    JetStreamOtelModule.forRoot({ metrics: false }),
    JetStreamMetricsModule.forRoot({ application: 'shop', endpoint: '/metrics', server: 'every' }),
  ],
  controllers: [OrdersController],
  providers: [Billing, Shipping],
})
export class AppModule implements NestModule {
  static on(servers: string): DynamicModule {
    return { module: AppModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(traceRequests).forRoutes(OrdersController);
  }
}
