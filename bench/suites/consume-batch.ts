import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer } from 'nestjs-nats-jetstream';
import { compareConsumers, OURS } from '../consuming.js';
import { Countdown } from '../countdown.js';
import type { BenchValue, Suite } from '../suite.js';

@Injectable()
class BatchHandler {
  constructor(private readonly countdown: Countdown) {}

  @JsConsumer({ ...OURS, batch: { size: 100, maxWait: 50 }, ackPolicy: 'all', maxMessages: 1_000 })
  handle(@Payload() orders: BenchValue[]): void {
    for (const order of orders) if (order.id > 0) this.countdown.count();
  }
}

/** Batches of 100, each settled by one acknowledgement, against a raw callback that acknowledges each message. */
const suite: Suite = {
  unit: 'messages',
  operations: 150_000,
  open: (bench) =>
    compareConsumers(
      bench,
      BatchHandler,
      (countdown) => ({
        callback: (message) => {
          const order = JSON.parse(message.string()) as BenchValue;
          if (order.id > 0) countdown.count();
          message.ack();
        },
      }),
      { ack_policy: 'explicit' },
    ),
};

export default suite;
