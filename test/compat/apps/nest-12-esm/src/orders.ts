import { Body, Controller, type DynamicModule, Injectable, Module, Post } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { trace } from '@opentelemetry/api';
import {
  InjectJetStream,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  PublishTo,
} from 'nestjs-nats-jetstream';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';

interface Order {
  readonly id: string;
}

class CardDeclined extends Error {}

/** Publishes an order for each request. */
@Controller('orders')
class OrdersController {
  constructor(@InjectJetStream() private readonly jetstream: JetStreamService) {}

  @Post()
  async place(@Body() order: Order): Promise<void> {
    await this.jetstream.publish(`orders.${order.id}.placed`, order);
  }
}

/** Turns orders into bills, which fail until the card is accepted. */
@Injectable()
export class Billing {
  declined = true;

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.*.placed' })
  @PublishTo((bill: Order) => `bills.${bill.id}`)
  async onPlaced(@Payload() order: Order): Promise<Order> {
    await Promise.resolve();
    trace.getTracer('application').startActiveSpan('SELECT', (span) => span.end());
    return { id: order.id };
  }

  @JsConsumer({
    stream: 'BILLS',
    durable: 'mail',
    filterSubjects: 'bills.*',
    retry: { maxDeliver: 2, backoff: [10] },
    deadLetter: true,
  })
  onBill(@Payload() _: Order): void {
    if (this.declined) throw new CardDeclined('no money');
  }
}

@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [
        { name: 'ORDERS', subjects: ['orders.*.placed'], storage: 'memory' },
        { name: 'BILLS', subjects: ['bills.*'], storage: 'memory' },
      ],
    }),
    JetStreamOtelModule.forRoot({ metrics: false }),
  ],
  controllers: [OrdersController],
  providers: [Billing],
})
export class OrdersModule {
  static on(servers: string): DynamicModule {
    return { module: OrdersModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }
}
