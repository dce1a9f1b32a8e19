import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamModule, JsConsumer, PublishTo } from 'nestjs-nats-jetstream';

interface Payment {
  readonly id: string;
  readonly account: string;
  readonly amount: number;
}

interface Receipt {
  readonly payment: string;
}

const DAY = 86_400_000;

@Injectable()
export class Bank {
  // #region idempotent
  @JsConsumer({
    stream: 'PAYMENTS',
    durable: 'bank',
    concurrency: 16,
    idempotent: { bucket: 'payments-done', key: (payment: Payment) => payment.id, ttl: 7 * 86_400_000 },
  })
  async transfer(@Payload() payment: Payment): Promise<void> {
    await this.account.book(payment);
  }
  // #endregion

  // #region header
  @JsConsumer({
    stream: 'PAYMENTS',
    durable: 'ledger',
    idempotent: { bucket: 'ledger-done', key: 'Idempotency-Key', ttl: DAY, lease: 60_000 },
  })
  @PublishTo('receipts')
  record(@Payload() { id }: Payment): Receipt {
    return { payment: id };
  }
  // #endregion

  private readonly account = { book: (_payment: Payment): Promise<void> => Promise.resolve() };
}

// #region bucket
export const buckets = JetStreamModule.forFeature({
  keyValues: [{ bucket: 'payments-done', ttl: 7 * 86_400_000, replicas: 3 }],
});
// #endregion
