import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { startGateway, startPricing, startShipping } from './services.js';
import { tour } from './tour.js';

// Without NATS_URL the sample brings its own server, with a store that is gone when it ends.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const nats = process.env.NATS_URL ?? server?.url ?? '';

// Each could as well be a process of its own: they know of each other by subjects only.
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
