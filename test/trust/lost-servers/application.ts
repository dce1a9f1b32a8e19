import type { INestApplicationContext, INestMicroservice } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import type { NatsConnection, NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import type { LogRecorder } from '../../support/log-recorder.js';
import { handlersOf, Journal } from './handlers.js';

export const SHUTDOWN_TIMEOUT = 2_000;

/** An application with handlers of all kinds, a microservice and its client, on one server or cluster. */
export class Service {
  private constructor(
    readonly journal: Journal,
    readonly app: INestApplicationContext,
    readonly microservice: INestMicroservice,
    readonly client: JetStreamClient,
  ) {}

  static async start(
    connection: NodeConnectionOptions | NatsConnection,
    logger: LogRecorder,
    replicas = 1,
  ): Promise<Service> {
    const journal = new Journal();
    const { providers, controller } = handlersOf(journal);
    const options = { jetstream: { timeout: 1_000 }, shutdownTimeout: SHUTDOWN_TIMEOUT };
    const app = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connection, ...options }),
        JetStreamModule.forFeature({
          streams: [
            { name: 'WORK', subjects: ['work.*'], replicas },
            { name: 'RESULTS', subjects: ['results.*'], maxMessages: 10, replicas },
          ],
          keyValues: [
            { bucket: 'state', replicas },
            { bucket: 'locks', replicas },
          ],
          objectStores: [{ bucket: 'files', replicas }],
        }),
      ],
      providers,
    })
      .setLogger(logger)
      .compile();
    await app.init();
    const module = await Test.createTestingModule({ controllers: [controller] })
      .setLogger(logger)
      .compile();
    const microservice = module.createNestMicroservice<MicroserviceOptions>({
      strategy: new JetStreamServer({ name: 'trust', connection, ...options }),
    });
    await microservice.listen();
    const client = new JetStreamClient({ connection, timeout: 1_000 });
    await client.connect();
    return new Service(journal, app, microservice, client);
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.microservice.close();
    await this.app.close();
  }
}
