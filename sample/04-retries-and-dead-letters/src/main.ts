import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { DeadLetters, JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { Carrier } from './carrier.js';
import { LostParcels } from './lost-parcels.js';
import type { Parcel } from './parcel.js';
import { Shipping } from './shipping.js';

const PARCELS = 40;
const CITIES = ['Amsterdam', 'Berlin', 'Lisbon', 'Vienna', 'Atlantis'];

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const app = await NestFactory.createApplicationContext(
  AppModule.on(process.env.NATS_URL ?? server?.url ?? ''),
  // The failures are intended, so the library's log lines about them are omitted.
  { logger: ['fatal'] },
);
const [jetstream, deadLetters] = [app.get(JetStreamService), app.get(DeadLetters)];
const [carrier, shipping, lost] = [app.get(Carrier), app.get(Shipping), app.get(LostParcels)];

for (let id = 1; id <= PARCELS; id++) {
  const parcel: Parcel = { id, city: CITIES[id % CITIES.length], grams: id * 600 };
  await jetstream.publish('parcels', parcel);
}
while (carrier.booked.length + lost.ids.length < PARCELS) await delay(20);
console.log(`\n${carrier.booked.length} shipped in ${shipping.attempts} attempts, ${lost.ids.length} lost`);

// No carrier goes to Atlantis, so these dead letters are dropped.
let dropped = 0;
for await (const letter of deadLetters.list({ handler: 'Shipping.ship' })) {
  if (!letter.error.startsWith('UnknownCity')) continue;
  await deadLetters.drop(letter);
  dropped++;
}

// The broken scales were a temporary failure: once they work again, the remaining parcels are shipped.
carrier.scalesWork = true;
const { replayed, failed } = await deadLetters.replayAll({ stream: 'PARCELS' }, { to: 'handler' });
console.log(`${dropped} dropped, ${replayed} replayed, ${failed.length} failed again`);
console.log(`${carrier.booked.length} of ${PARCELS} shipped`);

await app.close();
await server?.stop();
