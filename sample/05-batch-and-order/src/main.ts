import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { Balances } from './balances.js';
import { Ledger } from './ledger.js';
import type { Movement } from './movement.js';

const ACCOUNTS = 50;
const MOVEMENTS = 5_000;

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const app = await NestFactory.createApplicationContext(
  AppModule.on(process.env.NATS_URL ?? server?.url ?? ''),
);

const jetstream = app.get(JetStreamService);
for (let i = 0; i < MOVEMENTS; i++) {
  const account = `a${i % ACCOUNTS}`;
  const movement: Movement = { account, number: Math.floor(i / ACCOUNTS) + 1, amount: (i % 7) - 3 };
  await jetstream.publishAsyncReady();
  jetstream.publishAsync(`movements.${account}`, movement);
}
await jetstream.publishAsyncComplete();

const balances = app.get(Balances);
const ledger = app.get(Ledger);
while (balances.applied < MOVEMENTS || ledger.written < MOVEMENTS) await delay(10);

console.log(
  `${balances.applied} movements of ${balances.accounts} accounts, ${balances.outOfOrder} out of order`,
);
console.log(`${ledger.written} movements on ${ledger.pages} pages`);
await app.close();
await server?.stop();
