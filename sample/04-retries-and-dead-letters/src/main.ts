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

// Without NATS_URL the sample brings its own server, with a store that is gone when it ends.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const app = await NestFactory.createApplicationContext(
  AppModule.on(process.env.NATS_URL ?? server?.url ?? ''),
  // Failures are what this is about: the lines of the handlers tell enough.
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

// Nobody can ship to Atlantis: those are dropped.
let dropped = 0;
for await (const letter of deadLetters.list({ handler: 'Shipping.ship' })) {
  if (!letter.error.startsWith('UnknownCity')) continue;
  await deadLetters.drop(letter);
  dropped++;
}

// The scales were a passing trouble: the rest is shipped when they are mended.
carrier.scalesWork = true;
const { replayed, failed } = await deadLetters.replayAll({ stream: 'PARCELS' }, { to: 'handler' });
console.log(`${dropped} dropped, ${replayed} replayed, ${failed.length} failed again`);
console.log(`${carrier.booked.length} of ${PARCELS} shipped`);

await app.close();
await server?.stop();
