import { Injectable, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Handlers, JsConsumer, OnJetStreamEvent, type JetStreamEvent } from 'nestjs-nats-jetstream';

interface Order {
  readonly id: string;
}

const work = (_order: Order): Promise<void> => Promise.resolve();

@Injectable()
export class Fulfilment {
  // #region order-by
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'fulfilment',
    filterSubjects: 'orders.*.*', // orders.<customer>.<what happened>
    concurrency: 64,
    orderBy: 1,
  })
  async fulfil(@Payload() order: Order): Promise<void> {
    await work(order);
  }
  // #endregion

  // #region limits
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'notify',
    concurrency: 8,
    rateLimit: { messages: 50, per: 1_000 },
    circuitBreaker: { failureRatio: 0.5, window: 20, pause: 10_000 },
  })
  async notify(@Payload() order: Order): Promise<void> {
    await work(order);
  }
  // #endregion
}

// #region control
@Injectable()
export class Maintenance {
  private readonly logger = new Logger(Maintenance.name);

  constructor(private readonly handlers: Handlers) {}

  async migrate(run: () => Promise<void>): Promise<void> {
    await this.handlers.pause('Fulfilment.fulfil');
    await this.handlers.idle('Fulfilment.fulfil');
    await run();
    await this.handlers.resume('Fulfilment.fulfil');
  }

  @OnJetStreamEvent('circuit-opened', 'consumer-lost')
  alert(event: JetStreamEvent): void {
    this.logger.error(event.type);
  }
}
// #endregion
