import { Module, type INestApplication, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ClientProxy, MicroserviceOptions } from '@nestjs/microservices';
import type { NatsConnection } from 'nats';
import { EVENT, REQUEST, type Closeable, type Order, type Sender, type Total } from '../transport.js';

const logger = ['warn' as const, 'error' as const];

/** Boots an application with a microservice with the given options, without an HTTP port. */
export async function serve(
  metadata: ModuleMetadata,
  optionsOf: (app: INestApplication) => MicroserviceOptions,
): Promise<Closeable> {
  const app = await NestFactory.create(moduleOf(metadata), { logger, abortOnError: false });
  app.connectMicroservice<MicroserviceOptions>(optionsOf(app), { inheritAppConfig: true });
  await app.startAllMicroservices();
  return app;
}

/** Boots an application whose provider `token` is a client, and connects the client. */
export async function connect(
  imports: NonNullable<ModuleMetadata['imports']>,
  token: string | Type<ClientProxy>,
  connectionOf: (client: ClientProxy) => NatsConnection = (client) => client.unwrap<NatsConnection>(),
): Promise<Sender> {
  const app = await NestFactory.createApplicationContext(moduleOf({ imports }), {
    logger,
    abortOnError: false,
  });
  const client = app.get<ClientProxy>(token, { strict: false });
  await client.connect();
  return {
    emit: (order: Order) => client.emit(EVENT, order),
    send: (order: Order) => client.send<Total>(REQUEST, order),
    flush: () => connectionOf(client).flush(),
    close: async () => {
      await client.close();
      await app.close();
    },
  };
}

function moduleOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}
