import type { NatsConnection } from '@nats-io/transport-node';
import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { jsonCodec } from '../../../lib/codecs/index.js';
import { connect, JetStreamConnection } from '../../../lib/connection/index.js';
import {
  JetStreamService,
  Publisher,
  StorageType,
  type PublishDefaults,
  type Stream,
  type StreamConfig,
} from '../../../lib/jetstream/index.js';
import { Requests } from '../../../lib/requests/index.js';

let streams = 0;

/** A `Publisher` on its own connection, with services to create and inspect streams. */
export class ConnectedPublisher implements AsyncDisposable {
  readonly jetstream: JetStreamService;
  readonly publisher: Publisher;

  private constructor(
    readonly nc: NatsConnection,
    readonly connection: JetStreamConnection,
    defaults: PublishDefaults,
  ) {
    const requests = new Requests(connection);
    this.jetstream = new JetStreamService(connection, requests, { codec: jsonCodec, publish: {} });
    this.publisher = new Publisher(connection, requests, this.jetstream.declarations, defaults);
  }

  static async connect(server: NatsTestServer, defaults: PublishDefaults = {}): Promise<ConnectedPublisher> {
    const nc = await connect({ servers: server.url, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
    return new ConnectedPublisher(nc, new JetStreamConnection('default', nc), defaults);
  }

  /** Creates a memory stream that listens on `<prefix>.>`; the prefix is its name in lower case. */
  createStream(config: Partial<StreamConfig> = {}): Promise<Stream> {
    const name = `S${++streams}`;
    return this.jetstream.createStream({
      name,
      subjects: [`${name.toLowerCase()}.>`],
      storage: StorageType.Memory,
      ...config,
    });
  }

  /** Resolves with the next of these events of the connection. */
  next(event: 'onDisconnect' | 'onReconnect'): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.connection.listen({
        [event]: () => {
          stop();
          resolve();
        },
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.publisher.close();
    await this.nc.close();
  }
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error;
  throw new Error(`it should have failed, but gave ${JSON.stringify(outcome)}`);
}

/** The error that a function throws. */
export function thrown(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it should have thrown');
}
