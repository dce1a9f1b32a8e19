import type { NatsConnection } from '@nats-io/transport-node';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { jsonCodec } from '../../lib/codecs/index.js';
import { connect, JetStreamConnection } from '../../lib/connection/index.js';
import { JetStreamService, type PublishDefaults } from '../../lib/jetstream/index.js';
import { ObjectStoreService } from '../../lib/object-store/index.js';
import { Requests } from '../../lib/requests/index.js';

/** Object stores on their own connection, and the raw client's view of the same server. */
export class ObjectStores implements AsyncDisposable {
  readonly jetstream: JetStreamService;
  readonly service: ObjectStoreService;

  private constructor(
    readonly nc: NatsConnection,
    readonly jsm: JetStreamManager,
    publish: PublishDefaults,
  ) {
    const connection = new JetStreamConnection('default', nc);
    this.jetstream = new JetStreamService(connection, new Requests(connection), {
      codec: jsonCodec,
      publish,
    });
    this.service = new ObjectStoreService(this.jetstream);
  }

  static async connect(
    servers: string | readonly string[],
    publish: PublishDefaults = {},
  ): Promise<ObjectStores> {
    const nc = await connect({ servers: [servers].flat(), reconnectTimeWait: 50, maxReconnectAttempts: -1 });
    return new ObjectStores(nc, await jetstreamManager(nc), publish);
  }

  /** The number of messages of a bucket's stream under a subject. */
  async messages(bucket: string, subject: 'C' | 'M'): Promise<number> {
    const filter = `$O.${bucket}.${subject}.>`;
    const { state } = await this.jsm.streams.info(`OBJ_${bucket}`, { subjects_filter: filter });
    return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
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
