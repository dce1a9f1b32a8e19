import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidMessageError } from 'nestjs-nats-jetstream';
import { compareAsyncApiDocuments, createAsyncApiDocument } from 'nestjs-nats-jetstream/asyncapi';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { BillingModule } from './billing/billing.module.js';
import { withoutCustomer } from './older-document.js';
import { startServed } from './served-service.js';
import { ShopModule } from './shop/shop.module.js';
import { Shop } from './shop/shop.js';

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const nats = process.env.NATS_URL ?? server?.url ?? '';

// Each service could also be a process of its own: they only share the contracts.
const billing = await startServed(BillingModule.on(nats), 'billing');
const shopping = await startServed(ShopModule.on(nats), 'shop');
const services = { shop: shopping, billing };
const shop = shopping.get(Shop, { strict: false });

const id = randomUUID();
await shop.place(id, 'Sue', 950);
while (!shop.invoices.has(id)) await delay(10);
console.log(`the first order is billed: invoice of ${shop.invoices.get(id)?.split('/')[1]}`);
try {
  await shop.place(randomUUID(), '', 0);
} catch (error) {
  if (!(error instanceof InvalidMessageError)) throw error;
  console.log(`the second order is not sent: ${error.problem}`);
}

for (const [name, app] of Object.entries(services)) {
  const document = await createAsyncApiDocument(app, { info: { title: name, version: '1.0.0' } });
  const operations = Object.entries(document.operations).map(([key, { action }]) => `${action} (${key})`);
  console.log(`${name}: ${operations.join(', ')}`);
}

const document = await createAsyncApiDocument(billing, { info: { title: 'billing', version: '1.0.0' } });
for (const { kind, path, text } of compareAsyncApiDocuments(withoutCustomer(document), document)) {
  console.log(`${kind}: ${path}: ${text}`);
}

const close = async (): Promise<void> => {
  await Promise.all([shopping.close(), billing.close()]);
  await server?.stop();
};
if (process.argv.includes('--serve')) {
  for (const [name, app] of Object.entries(services)) {
    await app.listen(0, '127.0.0.1');
    console.log(`the page of ${name}: ${await app.getUrl()}/asyncapi`);
  }
  console.log('press Ctrl+C to end');
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void close());
} else {
  await close();
}
