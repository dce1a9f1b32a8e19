import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import { vi } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { connect, JetStreamConnection, type JetStreamOptions } from '../../lib/connection/index.js';
import { JetStreamService } from '../../lib/jetstream/index.js';
import { KeyValueService } from '../../lib/key-value/index.js';
import { Requests } from '../../lib/requests/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';

/** The server versions that every case is tested with. */
export const VERSIONS = ['2.15', '2.10', '2.9'] as const;

export interface Client {
  readonly nc: NatsConnection;
  readonly jetstream: JetStreamService;
  readonly keyValues: KeyValueService;
}

/** Creates the services of the module on one connection. */
export async function connectTo(
  url: string,
  options: ConnectionOptions = {},
  jetstreamOptions: JetStreamOptions = {},
): Promise<Client> {
  const nc = await connect({ servers: url, reconnectTimeWait: 50, maxReconnectAttempts: -1, ...options });
  const connection = new JetStreamConnection('default', nc, jetstreamOptions);
  const jetstream = new JetStreamService(connection, new Requests(connection), {
    codec: jsonCodec,
    publish: {},
  });
  return { nc, jetstream, keyValues: new KeyValueService(jetstream) };
}

/** All items of an async iterable. */
export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** A server with one permanent stream: without any stream, an account loses its folder, and creating one may fail. */
export async function startServer(version?: string): Promise<NatsTestServer> {
  const server = await NatsTestServer.start({ version });
  const { nc, jetstream } = await connectTo(server.url);
  await jetstream.createStream({ name: KEEPER, subjects: ['keeper'] });
  await nc.close();
  return server;
}

let buckets = 0;

/**
 * A unique name for a bucket or stream. A recreated one of the same name may contain data that the server has not yet
 * removed.
 */
export function uniqueName(prefix: string): string {
  return `${prefix}-${++buckets}`;
}

/** The stream that {@link startServer} creates. */
export const KEEPER = 'KEEPER';

/** Waits until the assertions hold, long enough for a busy machine. */
export function eventually<T>(assertions: () => T): Promise<Awaited<T>> {
  return vi.waitFor(assertions, { timeout: 15_000, interval: 10 }) as Promise<Awaited<T>>;
}
