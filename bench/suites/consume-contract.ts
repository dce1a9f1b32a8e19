import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { defineMessage, JsConsumer } from 'nestjs-nats-jetstream';
import { compareConsumers, OURS, OURS_SUBJECT } from '../consuming.js';
import { Countdown } from '../countdown.js';
import type { BenchValue, Suite } from '../suite.js';

const Order = defineMessage({ subject: OURS_SUBJECT });

@Injectable()
class ContractHandler {
  constructor(private readonly countdown: Countdown) {}

  @JsConsumer(Order, { durable: OURS.durable })
  handle(@Payload() order: unknown): void {
    if ((order as BenchValue).id > 0) this.countdown.count();
  }
}

/** The same as `consume`, with a message contract that does not validate. */
const suite: Suite = {
  unit: 'messages',
  operations: 150_000,
  open: (bench) =>
    compareConsumers(bench, ContractHandler, (countdown) => ({
      callback: (message) => {
        const order = JSON.parse(message.string()) as BenchValue;
        if (order.id > 0) countdown.count();
        message.ack();
      },
    })),
};

export default suite;
