import type { INestApplicationContext, INestMicroservice, LoggerService } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { JetStreamModule, type JetStreamModuleOptions } from 'nestjs-nats-jetstream';
import { JetStreamMetrics, JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import type { NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import { Registry } from 'prom-client';
import { CountingInstrument } from './counting-instrument.js';
import { handlersOf, type Seen } from './handlers.js';
import type { ProcessSettings } from './settings.js';
import type { Work } from './work.js';

const SHUTDOWN_TIMEOUT = 5_000;
/** New streams of a busy cluster have no leader for some seconds, and a service does not start without them. */
export const TIMEOUT = 4_000;

/** Links to the proxies before the servers; the addresses of the servers themselves are not used. */
export function connectionOf({ servers }: Pick<ProcessSettings, 'servers'>): NodeConnectionOptions {
  return { servers: [...servers], ignoreClusterUpdates: true, reconnectTimeWait: 100, reconnectJitter: 50 };
}

const OPTIONS = {
  jetstream: { timeout: TIMEOUT },
  shutdownTimeout: SHUTDOWN_TIMEOUT,
} satisfies Omit<JetStreamModuleOptions, 'connection'>;

/** The tested service: an application with handlers of all forms, a microservice, and its client. */
export interface TestedApplication {
  readonly app: INestApplicationContext;
  readonly microservice: INestMicroservice;
  readonly client: JetStreamClient;
  readonly counting: CountingInstrument;
  readonly registry: Registry;
}

export async function startService(
  settings: ProcessSettings,
  work: Work,
  seen: Seen,
  logger: LoggerService,
): Promise<TestedApplication> {
  const connection = connectionOf(settings);
  const { replicas } = settings;
  const counting = new CountingInstrument();
  const registry = new Registry();
  const { providers, controllers } = handlersOf(work, seen, settings);

  @Module({
    imports: [
      JetStreamModule.forRoot({ connection, ...OPTIONS, instruments: [counting] }),
      JetStreamMetricsModule.forRoot({ registry, server: 'off' }),
      JetStreamModule.forFeature({
        streams: [
          { name: 'WORK', subjects: ['work.*'], replicas, recreate: true },
          { name: 'RESULTS', subjects: ['results.*'], maxMessages: 10, replicas },
        ],
        keyValues: ['state', 'locks', 'done', 'registers'].map((bucket) => ({ bucket, replicas })),
        objectStores: [{ bucket: 'files', replicas }],
      }),
    ],
    providers,
  })
  class ServiceModule {}

  @Module({ controllers })
  class PatternsModule {}

  const app = await NestFactory.createApplicationContext(ServiceModule, { logger });
  const instruments = [counting, app.get(JetStreamMetrics)];
  const microservice = await NestFactory.createMicroservice<MicroserviceOptions>(PatternsModule, {
    strategy: new JetStreamServer({ name: 'fault', connection, ...OPTIONS, instruments }),
    logger,
  });
  await microservice.listen();
  const client = await startClient(settings);
  return { app, microservice, client, counting, registry };
}

/** The application of the driver, which has no handlers. */
export function startPublisher(
  settings: ProcessSettings,
  logger: LoggerService,
): Promise<INestApplicationContext> {
  @Module({ imports: [JetStreamModule.forRoot({ connection: connectionOf(settings), ...OPTIONS })] })
  class PublisherModule {}

  return NestFactory.createApplicationContext(PublisherModule, { logger });
}

export async function startClient(settings: ProcessSettings): Promise<JetStreamClient> {
  const client = new JetStreamClient({ connection: connectionOf(settings), timeout: 2_000 });
  await client.connect();
  return client;
}
