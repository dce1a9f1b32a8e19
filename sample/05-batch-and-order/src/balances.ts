import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer } from 'nestjs-nats-jetstream';
import type { Movement } from './movement.js';

/** Follows each account's balance: the movements of one account in order, the accounts in parallel. */
@Injectable()
export class Balances {
  private readonly balances = new Map<string, { readonly number: number; readonly balance: number }>();
  /** Movements that were delivered out of order; this stays empty. */
  outOfOrder = 0;
  applied = 0;

  @JsConsumer({
    stream: 'MOVEMENTS',
    durable: 'balances',
    concurrency: 64,
    orderBy: 1, // movements.<account>
  })
  async apply(@Payload() { account, number, amount }: Movement): Promise<void> {
    // Each account takes a different time.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    const last = this.balances.get(account) ?? { number: 0, balance: 0 };
    if (number !== last.number + 1) this.outOfOrder++;
    this.balances.set(account, { number, balance: last.balance + amount });
    this.applied++;
  }

  get accounts(): number {
    return this.balances.size;
  }
}
