import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { Greeter } from './greeter.js';
import { LiveSettings } from './live-settings.js';

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const url = process.env.NATS_URL ?? server?.url ?? '';

// Two instances of one application: a setting that is changed through one of them applies in both.
const [one, two] = await Promise.all([
  NestFactory.createApplicationContext(AppModule.on(url)),
  NestFactory.createApplicationContext(AppModule.on(url)),
]);
const greeter = two.get(Greeter);
const settings = one.get(LiveSettings);

console.log(greeter.greet('Sue'));
await settings.set('greeting', 'Good morning');
await settings.set('rateLimit', 25);
while (two.get(LiveSettings).get('rateLimit') !== 25) await delay(1);
console.log(greeter.greet('Sue'));
await settings.reset('greeting');
while (two.get(LiveSettings).get('greeting') !== 'Hello') await delay(1);
console.log(greeter.greet('Sue'));

await Promise.all([one.close(), two.close()]);
await server?.stop();
