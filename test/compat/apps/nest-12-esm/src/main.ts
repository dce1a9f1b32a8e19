import { NestFactory } from '@nestjs/core';
import { JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { Readings } from './readings.js';

const server = await NatsTestServer.start();
const app = await NestFactory.createApplicationContext(AppModule.on(server.url), {
  logger: ['error', 'warn'],
});
const jetstream = app.get(JetStreamService);
for (let i = 0; i < 10; i++) {
  await jetstream.publish(`readings.s${i}`, { sensor: `s${i}`, degrees: i });
}
const readings = app.get(Readings);
await readings.settled(10);
await app.close();
await server.stop();
console.log(
  `${process.version}: ${readings.consumed.length} consumed, ${readings.watched.size} watched, closed`,
);
