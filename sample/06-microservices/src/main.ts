import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { startGateway, startPricing, startShipping } from './services.js';
import { tour } from './tour.js';

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const nats = process.env.NATS_URL ?? server?.url ?? '';

// Each service could also be a process of its own: they only communicate by subjects.
const pricing = await startPricing(nats);
const shipping = await startShipping(nats);
const gateway = await startGateway(nats);
const url = await gateway.getUrl();

if (process.env.PORT) {
  for (const app of [pricing, shipping, gateway]) app.enableShutdownHooks();
  console.log(`curl ${url}/orders --json '{"article":"tea","quantity":2}'; curl ${url}/orders/<id>/progress`);
} else {
  const services = await tour(url, nats, shipping);
  for (const app of [gateway, pricing, services]) await app.close();
  await server?.stop();
}
