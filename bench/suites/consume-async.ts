import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer } from 'nestjs-nats-jetstream';
import { compareConsumers, OURS } from '../consuming.js';
import { Countdown } from '../countdown.js';
import type { BenchValue, Suite } from '../suite.js';

@Injectable()
class AsyncHandler {
  constructor(private readonly countdown: Countdown) {}

  @JsConsumer(OURS)
  async handle(@Payload() order: BenchValue): Promise<void> {
    await work(order);
    this.countdown.count();
  }
}

/** The same as `consume` with `async` on both sides: an awaited handler, then the acknowledgement. */
const suite: Suite = {
  unit: 'messages',
  operations: 150_000,
  open: (bench) =>
    compareConsumers(bench, AsyncHandler, (countdown) => ({
      callback: async (message) => {
        await work(JSON.parse(message.string()) as BenchValue);
        countdown.count();
        message.ack();
      },
    })),
};

export default suite;

async function work(order: BenchValue): Promise<void> {
  if (order.id < 0) throw new Error('never');
}
