import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer, type JetStreamMessage } from 'nestjs-nats-jetstream';
import { compareConsumers, OURS } from '../consuming.js';
import { Countdown } from '../countdown.js';
import type { BenchValue, Suite } from '../suite.js';

const KEYS = Array.from({ length: 64 }, (_, i) => `key-${i}`);

let turn = 0;

/** All messages of a benchmark have the same content, so their keys are assigned in rotation. */
const nextKey = (_message: JetStreamMessage): string => KEYS[turn++ & 63];

@Injectable()
class KeyedHandler {
  constructor(private readonly countdown: Countdown) {}

  @JsConsumer({ ...OURS, concurrency: 64, orderBy: nextKey })
  async handle(@Payload() order: BenchValue): Promise<void> {
    await work(order);
    this.countdown.count();
  }
}

/** 64 keys in parallel, each in order, against the raw asynchronous callback, which keeps no order. */
const suite: Suite = {
  unit: 'messages',
  operations: 150_000,
  open: (bench) =>
    compareConsumers(bench, KeyedHandler, (countdown) => ({
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
