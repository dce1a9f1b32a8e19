import type { INestApplication, INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { EVENTS } from './events.stream.js';
import { GatewayModule } from './gateway/gateway.module.js';
import { PricingModule } from './pricing/pricing.module.js';
import { ShippingModule } from './shipping/shipping.module.js';

/** Answers requests. */
export async function startPricing(servers: string): Promise<INestMicroservice> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(PricingModule, {
    strategy: new JetStreamServer({ name: 'pricing', connection: { servers } }),
  });
  await app.listen();
  return app;
}

/** Consumes events and answers requests. */
export async function startShipping(servers: string): Promise<INestMicroservice> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(ShippingModule, {
    strategy: new JetStreamServer({ name: 'shipping', connection: { servers }, streams: [EVENTS] }),
  });
  await app.listen();
  return app;
}

/** Serves HTTP to customers, and uses NATS to reach the services. */
export async function startGateway(servers: string): Promise<INestApplication> {
  const app = await NestFactory.create(GatewayModule.on(servers));
  await app.listen(process.env.PORT ?? 0, '127.0.0.1');
  return app;
}
