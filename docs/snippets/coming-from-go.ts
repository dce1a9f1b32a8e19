import { Injectable, Module } from '@nestjs/common';
import {
  JetStreamApiError,
  JetStreamModule,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  StreamNotFoundError,
  type Consumer,
  type Consumption,
  type Stream,
} from 'nestjs-nats-jetstream';

interface Order {
  readonly id: string;
  readonly total: number;
}

interface Profile {
  readonly color: string;
}

// #region connect
@Module({
  imports: [JetStreamModule.forRoot({ connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } })],
})
export class AppModule {}

@Injectable()
export class Orders {
  constructor(
    private readonly jetstream: JetStreamService,
    private readonly keyValues: KeyValueService,
    private readonly objectStores: ObjectStoreService,
  ) {}
  // #endregion

  async streams(): Promise<Stream> {
    // #region streams
    return this.jetstream.createOrUpdateStream({
      name: 'ORDERS',
      subjects: ['orders.>'],
      maxAge: 24 * 3_600_000,
    });
    // #endregion
  }

  async publish(order: Order): Promise<number> {
    // #region publish
    const { sequence } = await this.jetstream.publish('orders.placed', order, { messageId: order.id });
    return sequence;
    // #endregion
  }

  async publishAsync(ids: readonly string[]): Promise<void> {
    // #region publish-async
    for (const id of ids) {
      await this.jetstream.publishAsyncReady();
      this.jetstream.publishAsync('orders.imported', id);
    }
    await this.jetstream.publishAsyncComplete();
    // #endregion
  }

  async consumer(stream: Stream): Promise<Consumer> {
    // #region consumer
    return stream.createOrUpdateConsumer({
      durable: 'shipping',
      filterSubject: 'orders.imported',
      ackPolicy: 'explicit',
      ackWait: 10_000,
    });
    // #endregion
  }

  consume(shipping: Consumer, ship: (data: Uint8Array) => void): Consumption {
    // #region consume
    return shipping.consume(
      (message) => {
        ship(message.data);
        message.ack();
      },
      { maxMessages: 100 },
    );
    // #endregion
  }

  async fetch(shipping: Consumer, ship: (data: Uint8Array) => void): Promise<void> {
    // #region fetch
    const batch = shipping.fetch(10, { maxWait: 1_000 });
    for await (const message of batch) {
      ship(message.data);
      message.ack();
    }
    if (batch.error) throw batch.error;
    // #endregion
  }

  async keyValue(print: (...values: string[]) => void): Promise<void> {
    // #region key-value
    const profiles = await this.keyValues.createOrUpdate<Profile>({ bucket: 'profiles', history: 5 });
    const revision = await profiles.create('sue', { color: 'red' });
    await profiles.update('sue', { color: 'blue' }, revision);
    const entry = await profiles.get('sue'); // undefined if there is none
    if (!entry) return;
    print(entry.value.color);

    const watch = await profiles.watch();
    void watch.initialized.then(() => watch.stop());
    for await (const change of watch) print(change.key, change.operation);
    // #endregion
  }

  async objectStore(): Promise<string> {
    // #region object-store
    const documents = await this.objectStores.createOrUpdate({ bucket: 'documents' });
    await documents.putString('note.txt', 'Call Sue.');
    return documents.getString('note.txt');
    // #endregion
  }

  async find(): Promise<string> {
    // #region errors
    try {
      await this.jetstream.stream('NONE');
    } catch (error) {
      if (error instanceof StreamNotFoundError) return 'no such stream';
      if (error instanceof JetStreamApiError) return `refused: ${error.code}`;
      throw error;
    }
    // #endregion
    return 'found';
  }
}
