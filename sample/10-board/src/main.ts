import { setTimeout as delay } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DeadLetters, JetStreamService, KeyValueService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import type { Order } from './order.js';

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const url = process.env.NATS_URL ?? server?.url ?? '';

/** Ends the sample: a signal, or the time in SECONDS. */
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort());
if (process.env.SECONDS) setTimeout(() => ending.abort(), Number(process.env.SECONDS) * 1_000).unref();

// Failed messages are on the board; their log would hide its address.
const QUIET = { logger: false, abortOnError: false } as const;

// Three instances of one application. The first serves the board.
const served = await NestFactory.create(AppModule.withBoard(url, 'one'), QUIET);
await served.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
const others = await Promise.all(
  ['two', 'three'].map((name) => NestFactory.createApplicationContext(AppModule.on(url, name), QUIET)),
);
console.log(`board: ${await served.getUrl()}/board`);
console.log('Press Ctrl+C to end.');

const orders = await publishOrders(served);
const { letters } = await served.get(DeadLetters).page({});
console.log(`${orders} orders, dead letters: ${letters.length > 0 ? 'yes' : 'no'}`);

for (const app of [served, ...others]) await app.close();
await server?.stop();
console.log('ended');

/** Publishes 20 orders a second until the sample ends. */
async function publishOrders(app: INestApplicationContext): Promise<number> {
  const jetstream = app.get(JetStreamService);
  const customers = await app.get(KeyValueService).open('customers');
  let id = 0;
  while (!ending.signal.aborted) {
    id++;
    const order: Order = { id, customer: `customer-${id % 50}`, total: 10 + (id % 90) };
    await jetstream.publish(`orders.${id}`, order);
    await customers.put(order.customer, { lastOrder: id });
    await delay(50);
  }
  return id;
}
