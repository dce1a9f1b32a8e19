import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  MessageSettlement,
  JetStreamModule,
  JsConsumer,
  RetryMessage,
  TerminateMessage,
  type JetStreamMessage,
  type SettlementPolicy,
} from 'nestjs-nats-jetstream';

interface Order {
  readonly id: string;
  readonly customer: string;
}

class CarrierBusy extends Error {}
class UnknownCustomer extends Error {}
class Unreachable extends Error {
  readonly retryAfter = 60_000;
}

const carrier = { book: (_order: Order): Promise<void> => Promise.resolve() };

@Injectable()
export class Shipping {
  // #region policy
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'shipping',
    retry: {
      maxDeliver: 5,
      backoff: [1_000, 5_000, 30_000],
      jitter: 0.2,
      errors: [
        { type: CarrierBusy, maxDeliver: 50, backoff: [10_000] },
        { type: UnknownCustomer, maxDeliver: 1 },
      ],
    },
    deadLetter: true,
  })
  async ship(@Payload() order: Order): Promise<void> {
    await carrier.book(order);
  }
  // #endregion

  // #region thrown
  @JsConsumer({ stream: 'ORDERS', durable: 'returns', deadLetter: true })
  async takeBack(@Payload() order: Order): Promise<void> {
    try {
      await carrier.book(order);
    } catch (error) {
      // Not what the policy says, but when the carrier says.
      if (error instanceof Unreachable) throw new RetryMessage(error.retryAfter);
      // No retry can help.
      if (error instanceof UnknownCustomer) throw new TerminateMessage(`no customer ${order.customer}`);
      throw error;
    }
  }
  // #endregion

  // #region retry-if
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'invoices',
    retry: { retryIf: (error) => !(error instanceof HttpError) || error.status >= 500 },
    deadLetter: true,
  })
  async invoice(@Payload() order: Order): Promise<void> {
    await carrier.book(order);
  }
  // #endregion
}

class HttpError extends Error {
  readonly status: number = 503;
}

// #region module
JetStreamModule.forRoot({
  handlers: {
    deadLetter: true,
    retry: { maxDeliver: 10, jitter: 0.5, errors: [{ type: CarrierBusy, backoff: [10_000] }] },
  },
});
// #endregion

export interface FailureCounter {
  count(handler: string): void;
}

export abstract class Metrics implements FailureCounter {
  abstract count(handler: string): void;
}

// #region interceptor
@Injectable()
export class CountingSettlement extends MessageSettlement {
  constructor(private readonly metrics: Metrics) {
    super();
  }

  override onFailure(
    error: unknown,
    message: JetStreamMessage,
    policy: SettlementPolicy,
  ): void | Promise<void> {
    this.metrics.count(policy.handler);
    return super.onFailure(error, message, policy);
  }
}

export const root = JetStreamModule.forRoot({ handlers: { settlement: CountingSettlement } });
// #endregion
