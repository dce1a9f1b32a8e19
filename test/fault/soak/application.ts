import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { connect, type NatsConnection, type NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import type { LogRecorder } from '../../support/log-recorder.js';
import { handlersOf, type Mistake } from './handlers.js';
import { ACKNOWLEDGED, type History } from './history.js';

export const SHUTDOWN_TIMEOUT = 5_000;

/** A hybrid application with handlers of all kinds, its client, and a witness of what is acknowledged. */
export class SoakedApplication {
  private constructor(
    readonly app: INestApplication,
    readonly client: JetStreamClient,
    private readonly witness: NatsConnection,
  ) {}

  static async start(
    history: History,
    connection: NodeConnectionOptions,
    logger: LogRecorder,
    { replicas = 3, mistake }: { readonly replicas?: number; readonly mistake?: Mistake } = {},
  ): Promise<SoakedApplication> {
    const witness = await connect({ ...connection, maxReconnectAttempts: -1 });
    witness.subscribe('$JS.ACK.>', {
      callback: (_, { subject, data }) => witnessed(history, subject, Buffer.from(data).toString()),
    });
    await witness.flush();
    const options = { jetstream: { timeout: 1_000 }, shutdownTimeout: SHUTDOWN_TIMEOUT };
    const module = await Test.createTestingModule({
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
            { bucket: 'done', replicas },
          ],
          objectStores: [{ bucket: 'files', replicas }],
        }),
      ],
      ...handlersOf(history, mistake),
    })
      .setLogger(logger)
      .compile();
    const app = module.createNestApplication();
    app.connectMicroservice({ strategy: new JetStreamServer({ name: 'soak', connection, ...options }) });
    await app.init();
    await app.startAllMicroservices();
    const client = new JetStreamClient({ connection, timeout: 2_000 });
    await client.connect();
    return new SoakedApplication(app, client, witness);
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.app.close();
    await this.witness.close();
  }
}

/** An acknowledgement as the server receives it. */
function witnessed(history: History, subject: string, answer: string): void {
  const tokens = subject.split('.');
  const at = tokens.indexOf('WORK');
  if (at < 0) return;
  const [consumer = '', , sequence] = tokens.slice(at + 1);
  const form = ACKNOWLEDGED.has(consumer) ? consumer : 'ephemeral';
  if (answer === '' || answer.startsWith('+ACK'))
    history.acknowledged(form, Number(sequence), form === 'cumulative');
  else if (answer.startsWith('+TERM')) history.report(`${form}: ${sequence} terminated: ${answer}`);
}
