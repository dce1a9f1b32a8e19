// #region imports
import { Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { context, propagation, trace } from '@opentelemetry/api';
import { JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
// #endregion

interface Order {
  readonly id: string;
}

class OutOfStock extends Error {}

const calculate = (_order: Order): Promise<void> => Promise.resolve();

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: 'nats://127.0.0.1:4222' } }),
    JetStreamOtelModule.forRoot(),
  ],
})
export class AppModule {}
// #endregion

const sdk = { shutdown: (): Promise<void> => Promise.resolve() };

// #region shutdown
/** Exports the last spans. Nest calls the shutdown hooks of global modules last. */
@Global()
@Module({})
export class TelemetryModule implements OnApplicationShutdown {
  onApplicationShutdown(): Promise<void> {
    return sdk.shutdown();
  }
}
// #endregion

// #region options
export const observed = JetStreamOtelModule.forRoot({
  tracing: {
    ignore: ['health.>', 'metrics.>'],
    expected: (error) => error instanceof OutOfStock,
    captureHeaders: ['x-request-id', 'x-tenant-*'],
    onProcess: (span, deliveries) => {
      span.setAttribute('app.messages', deliveries.length);
    },
  },
  metrics: false,
});
// #endregion

// #region hops
export const withHops = JetStreamOtelModule.forRoot({ tracing: { hops: true } });
// #endregion

// #region own-spans
const tracer = trace.getTracer('billing');

@Injectable()
export class Billing {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.*.placed' })
  async onPlaced(@Payload() order: Order): Promise<void> {
    trace.getActiveSpan()?.setAttribute('app.order', order.id);
    await tracer.startActiveSpan('calculate', async (span) => {
      try {
        await calculate(order);
      } finally {
        span.end();
      }
    });
  }
}
// #endregion

// #region baggage
export async function placeOrder(jetstream: JetStreamService, order: Order, tenant: string): Promise<void> {
  const baggage = propagation.createBaggage({ tenant: { value: tenant } });
  await context.with(propagation.setBaggage(context.active(), baggage), () =>
    jetstream.publish(`orders.${order.id}.placed`, order),
  );
}

export function tenantOfMessage(): string | undefined {
  return propagation.getActiveBaggage()?.getEntry('tenant')?.value;
}
// #endregion

// #region microservice
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { jetStreamOtelMetrics, jetStreamTracing } from 'nestjs-nats-jetstream/otel';

const instruments = [jetStreamTracing(), jetStreamOtelMetrics()];

export const server = new JetStreamServer({ name: 'billing', instruments });
export const client = new JetStreamClient({ instruments });
// #endregion
