import type { DynamicModule, Type } from '@nestjs/common';
import { Parser } from '@asyncapi/parser';
import { Test } from '@nestjs/testing';
import { type AsyncApiDocument, createAsyncApiDocument } from 'nestjs-nats-jetstream/asyncapi';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GatewayModule } from '../../sample/06-microservices/src/gateway/gateway.module.js';
import { PricingModule } from '../../sample/06-microservices/src/pricing/pricing.module.js';
import { ShippingModule } from '../../sample/06-microservices/src/shipping/shipping.module.js';
import { AppModule as Flights } from '../../sample/01-flights/src/app.module.js';
import { AppModule as LiveConfig } from '../../sample/02-live-config/src/app.module.js';
import { AppModule as Files } from '../../sample/03-files/src/app.module.js';
import { AppModule as Retries } from '../../sample/04-retries-and-dead-letters/src/app.module.js';
import { AppModule as Batches } from '../../sample/05-batch-and-order/src/app.module.js';
import { AppModule as Observability } from '../../sample/07-observability/src/app.module.js';
import { BillingModule as Billing } from '../../sample/08-contracts/src/billing/billing.module.js';
import { ShopModule as Shop } from '../../sample/08-contracts/src/shop/shop.module.js';
import { createServer, ShopModule } from './shop.js';

const parser = new Parser();
const before = process.env.JETSTREAM_CONNECT;

// No application opens a connection.
beforeAll(() => {
  process.env.JETSTREAM_CONNECT = 'false';
});
afterAll(() => {
  if (before === undefined) delete process.env.JETSTREAM_CONNECT;
  else process.env.JETSTREAM_CONNECT = before;
});

const ADDRESS = 'nats://localhost:4222';
const service = (name: string): JetStreamServer => new JetStreamServer({ name });

/** Findings that do not concern the library, with the reason. */
const ACCEPTED: ReadonlyMap<string, string> = new Map([
  ['asyncapi-latest-version', 'The document has the version that tools support.'],
  ['asyncapi-info-contact', 'The application may have none.'],
  ['asyncapi-info-license', 'The application may have none.'],
  ['asyncapi-info-description', 'The application may have none.'],
  ['asyncapi-id', 'The application may have none.'],
  ['asyncapi-tags', 'The application may have none.'],
  ['asyncapi3-tags', 'The application may have none.'],
  ['asyncapi-unused-component', 'A class may be part of another one only.'],
]);

it.each<[string, Type | DynamicModule, readonly JetStreamServer[]]>([
  ['01-flights', Flights.on(ADDRESS), []],
  ['02-live-config', LiveConfig.on(ADDRESS), []],
  ['03-files', Files.on(ADDRESS), []],
  ['04-retries-and-dead-letters', Retries.on(ADDRESS), []],
  ['05-batch-and-order', Batches.on(ADDRESS), []],
  ['06-microservices, gateway', GatewayModule.on(ADDRESS), []],
  ['06-microservices, pricing', PricingModule, [service('pricing')]],
  ['06-microservices, shipping', ShippingModule, [service('shipping')]],
  ['07-observability', Observability.on(ADDRESS), []],
  ['08-contracts, shop', Shop.on(ADDRESS), []],
  ['08-contracts, billing', Billing.on(ADDRESS), []],
  ['every feature', ShopModule.on(undefined), [createServer()]],
])('the document of %s is valid', { timeout: 60_000 }, async (name, module, microservices) => {
  const app = await Test.createTestingModule({ imports: [module] }).compile();
  const document: AsyncApiDocument = await createAsyncApiDocument(app, {
    info: { title: name, version: '1.0.0' },
    microservices,
  });
  const { document: parsed, diagnostics } = await parser.parse(JSON.stringify(document));
  const findings = diagnostics
    .filter(({ code }) => !ACCEPTED.has(String(code)))
    .map(({ code, path, message }) => `${String(code)} ${path.join('.')}: ${message}`);
  expect(findings).toEqual([]);
  expect(parsed?.operations().all()).toHaveLength(Object.keys(document.operations).length);
});
