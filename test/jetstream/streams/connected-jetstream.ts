import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import { jsonCodec } from '../../../lib/codecs/index.js';
import { connect, JetStreamConnection, type JetStreamOptions } from '../../../lib/connection/index.js';
import { JetStreamService } from '../../../lib/jetstream/index.js';
import { Requests } from '../../../lib/requests/index.js';
import { NatsTestServer } from '../../../lib/testing/index.js';

/** A `JetStreamService` on its own connection. */
export class ConnectedJetStream implements AsyncDisposable {
  readonly jetstream: JetStreamService;

  private constructor(
    readonly nc: NatsConnection,
    options: JetStreamOptions,
  ) {
    const connection = new JetStreamConnection('default', nc, options);
    this.jetstream = new JetStreamService(connection, new Requests(connection), {
      codec: jsonCodec,
      publish: {},
    });
  }

  static async connect(
    servers: string | readonly string[],
    options: JetStreamOptions = {},
    connection: NodeConnectionOptions = {},
  ): Promise<ConnectedJetStream> {
    const nc = await connect({
      servers: [servers].flat(),
      reconnectTimeWait: 50,
      maxReconnectAttempts: -1,
      ...connection,
    });
    return new ConnectedJetStream(nc, options);
  }

  /** Publishes that many small messages, one after the other. */
  async publish(subject: string, count: number, data: string | Uint8Array = 'x'): Promise<void> {
    for (let i = 0; i < count; i++) await this.jetstream.publish(subject, data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.jetstream.requests.close();
    await this.nc.close();
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = [];
  for await (const item of items) result.push(item);
  return result;
}

let names = 0;

/**
 * A name that no stream of these tests had before. nats-server 2.10 removes the files of a deleted stream
 * asynchronously, and a new stream of that name may find them.
 */
export function uniqueName(): string {
  return `S${++names}`;
}

/** A stream that is never deleted. */
export const KEPT = 'KEPT';

/**
 * A server for tests that delete streams. When the last stream of an account is deleted, the server removes their
 * folder, and creating another one at that moment fails ("error creating store"). Therefore one stream is permanent.
 */
export async function startServer(version?: string): Promise<NatsTestServer> {
  const server = await NatsTestServer.start({ version });
  await using connected = await ConnectedJetStream.connect(server.url);
  await connected.jetstream.createStream({ name: KEPT, subjects: ['kept'] });
  return server;
}

/** Deletes all streams except the permanent one. */
export async function deleteStreams(jetstream: JetStreamService): Promise<void> {
  for await (const name of jetstream.streamNames()) if (name !== KEPT) await jetstream.deleteStream(name);
}
