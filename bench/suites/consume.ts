import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer } from 'nestjs-nats-jetstream';
import { compareConsumers, OURS } from '../consuming.js';
import { Countdown } from '../countdown.js';
import type { BenchValue, Suite } from '../suite.js';

@Injectable()
class SyncHandler {
  constructor(private readonly countdown: Countdown) {}

  @JsConsumer(OURS)
  handle(@Payload() order: BenchValue): void {
    if (order.id > 0) this.countdown.count();
  }
}

/** A synchronous handler against a raw callback that parses and acknowledges. */
const suite: Suite = {
  unit: 'messages',
  operations: 150_000,
  open: (bench) =>
    compareConsumers(bench, SyncHandler, (countdown) => ({
      callback: (message) => {
        const order = JSON.parse(message.string()) as BenchValue;
        if (order.id > 0) countdown.count();
        message.ack();
      },
    })),
};

export default suite;
