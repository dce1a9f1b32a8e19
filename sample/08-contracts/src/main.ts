import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { InvalidMessageError } from 'nestjs-nats-jetstream';
import { compareAsyncApiDocuments, createAsyncApiDocument } from 'nestjs-nats-jetstream/asyncapi';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { BillingModule } from './billing/billing.module.js';
import { withoutCustomer } from './older-document.js';
import { ShopModule } from './shop/shop.module.js';
import { Shop } from './shop/shop.js';

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const nats = process.env.NATS_URL ?? server?.url ?? '';

// Each service could also be a process of its own: they only share the contracts.
const billing = await NestFactory.createApplicationContext(BillingModule.on(nats), { logger: ['error'] });
const shopping = await NestFactory.createApplicationContext(ShopModule.on(nats), { logger: ['error'] });
const shop = shopping.get(Shop);

await shop.place('1', 'Sue', 950);
while (!shop.invoices.has('1')) await delay(10);
console.log(`order 1 is billed: invoice of ${shop.invoices.get('1')?.split('/')[1]}`);
try {
  await shop.place('2', '', 0);
} catch (error) {
  if (!(error instanceof InvalidMessageError)) throw error;
  console.log(`order 2 is not sent: ${error.problem}`);
}

for (const [name, app] of [
  ['shop', shopping],
  ['billing', billing],
] as const) {
  const document = await createAsyncApiDocument(app, { info: { title: name, version: '1.0.0' } });
  const operations = Object.entries(document.operations).map(([key, { action }]) => `${action} (${key})`);
  console.log(`${name}: ${operations.join(', ')}`);
}

const document = await createAsyncApiDocument(billing, { info: { title: 'billing', version: '1.0.0' } });
for (const { kind, path, text } of compareAsyncApiDocuments(withoutCustomer(document), document)) {
  console.log(`${kind}: ${path}: ${text}`);
}

if (process.argv.includes('--serve')) {
  for (const app of [shopping, billing]) app.enableShutdownHooks();
  console.log(`the services run on ${nats}`);
} else {
  await shopping.close();
  await billing.close();
  await server?.stop();
}
