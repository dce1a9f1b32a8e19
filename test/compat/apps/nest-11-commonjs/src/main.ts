import { NestFactory } from '@nestjs/core';
import { ClientProxy, MicroserviceOptions } from '@nestjs/microservices';
import { JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom } from 'rxjs';
import { Alarms, AlarmsModule, alarmsTransport } from './alarms';
import { AppModule } from './app.module';
import { Readings } from './readings';

async function main(): Promise<void> {
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
  const service = await NestFactory.createMicroservice<MicroserviceOptions>(AlarmsModule.on(server.url), {
    strategy: alarmsTransport(server.url),
    logger: false,
  });
  await service.listen();
  const client = service.get<ClientProxy>('ALARMS');
  await firstValueFrom(client.emit('alarms.raised', { sensor: 's1', degrees: 99 }));
  const { sensor } = await firstValueFrom(service.get(Alarms).handled);
  const limit = await firstValueFrom(client.send<number>({ limit: 'degrees' }, sensor));
  await service.close();
  await server.stop();
  console.log(
    `${process.version}: ${readings.consumed.length} consumed, ${readings.watched.size} watched, limit of ${sensor} is ${limit}, closed`,
  );
}

void main();
