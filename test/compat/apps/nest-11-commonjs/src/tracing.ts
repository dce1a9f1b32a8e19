/** Follows an order from an HTTP request to its dead letter and the replay, and prints the spans. */
import { endedSpans } from './tracing-sdk';
import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { DeadLetters, getDeadLettersToken } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Billing, OrdersModule } from './orders';

/** Waits until that many spans with a name have ended. */
async function ended(name: string, count: number): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (endedSpans().filter((span) => span.name === name).length < count) {
    if (Date.now() > deadline) throw new Error(`no ${count} spans ${name}: ${JSON.stringify(endedSpans())}`);
    await delay(10);
  }
}

async function main(): Promise<void> {
  const server = await NatsTestServer.start();
  const app = await NestFactory.create(OrdersModule.on(server.url), { logger: false });
  await app.listen(0, '127.0.0.1');
  const { status } = await fetch(`${await app.getUrl()}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: '4711' }),
  });
  await ended('process bills.*', 2);
  app.get(Billing).declined = false;
  const { replayed } = await app.get<DeadLetters>(getDeadLettersToken()).replayAll({});
  await ended('process bills.*', 3);
  await ended('replay', 1);
  await app.close();
  await server.stop();
  console.log(JSON.stringify({ node: process.version, status, replayed, spans: endedSpans() }));
}

void main();
