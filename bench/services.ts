import type { NatsConnection } from '@nats-io/transport-node';
import { NestFactory } from '@nestjs/core';
import {
  JetStreamModule,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
} from 'nestjs-nats-jetstream';

/** The services of this library, as an application injects them. */
export interface Services {
  readonly jetstream: JetStreamService;
  readonly keyValues: KeyValueService;
  readonly objectStores: ObjectStoreService;
  /** Closes the application and the connection. */
  readonly close: () => Promise<void>;
}

/** Opens an application on a connection, without handlers. */
export async function openServices(connection: NatsConnection): Promise<Services> {
  const app = await NestFactory.createApplicationContext(JetStreamModule.forRoot({ connection }), {
    logger: ['warn', 'error'],
    abortOnError: false,
  });
  return {
    jetstream: app.get(JetStreamService),
    keyValues: app.get(KeyValueService),
    objectStores: app.get(ObjectStoreService),
    close: async () => {
      await app.close();
      await connection.close();
    },
  };
}
