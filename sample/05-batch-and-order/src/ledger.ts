import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer } from 'nestjs-nats-jetstream';
import type { Movement } from './movement.js';

/** Writes all movements into the ledger, a hundred at a time: one acknowledgement settles a page. */
@Injectable()
export class Ledger {
  pages = 0;
  written = 0;

  @JsConsumer({
    stream: 'MOVEMENTS',
    durable: 'ledger',
    batch: { size: 100, maxWait: 200 },
    ackPolicy: 'all',
  })
  async write(@Payload() movements: Movement[]): Promise<void> {
    // A real ledger would insert the rows of the page here, in one statement.
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.pages++;
    this.written += movements.length;
  }
}
