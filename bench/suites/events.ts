import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { compareRunning, OURS, OURS_STREAM, OURS_SUBJECT, type Running } from '../consuming.js';
import { Countdown } from '../countdown.js';
import type { BenchValue, Suite } from '../suite.js';

@Controller()
class Orders {
  constructor(private readonly countdown: Countdown) {}

  @EventPattern(OURS_SUBJECT, OURS)
  onOrder(@Payload() order: BenchValue): void {
    if (order.id > 0) this.countdown.count();
  }
}

/** Durable events through `@EventPattern`, with all of Nest's pipeline, against a raw callback that acknowledges. */
const suite: Suite = {
  unit: 'events',
  operations: 100_000,
  open: (bench) =>
    compareRunning(
      bench,
      (countdown) => serve(bench.url, countdown),
      (countdown) => ({
        callback: (message) => {
          const order = JSON.parse(message.string()) as BenchValue;
          if (order.id > 0) countdown.count();
          message.ack();
        },
      }),
    ),
};

export default suite;

async function serve(url: string, countdown: Countdown): Promise<Running> {
  @Module({ controllers: [Orders], providers: [{ provide: Countdown, useValue: countdown }] })
  class EventsModule {}

  const server = new JetStreamServer({
    name: 'bench',
    connection: { servers: url },
    streams: [OURS_STREAM],
  });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(EventsModule, {
    strategy: server,
    logger: ['warn', 'error'],
  });
  await app.listen();
  return { nc: server.unwrap(), close: () => app.close() };
}
