import { Injectable, Logger, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  NoStreamResponseError,
  ObjectStoreService,
  PublishTimeoutError,
  WrongLastSequenceError,
  type Consumer,
  type Consumption,
} from 'nestjs-nats-jetstream';

interface Order {
  readonly id: string;
  readonly total: number;
}

interface Profile {
  readonly color: string;
}

// #region handler
@Injectable()
export class Billing {
  private readonly logger = new Logger(Billing.name);

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', ackWait: 10_000, concurrency: 16 })
  bill(@Payload() order: Order): void {
    this.logger.log(`${order.id}: ${order.total}`);
  } // acknowledged when it returns, delivered again with backoff when it throws
}
// #endregion

// #region connect
@Module({
  imports: [JetStreamModule.forRoot({ connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } })],
  providers: [Billing],
})
export class AppModule {}

@Injectable()
export class Shop {
  constructor(
    private readonly jetstream: JetStreamService,
    private readonly keyValues: KeyValueService,
    private readonly objectStores: ObjectStoreService,
  ) {}
  // #endregion

  async streams(): Promise<void> {
    const { jetstream } = this;
    // #region streams
    const orders = await jetstream.createStream({
      name: 'ORDERS',
      subjects: ['orders.>'],
      maxAge: 24 * 3_600_000,
    });
    await jetstream.updateStream({ ...orders.cachedInfo.config, maxMessages: 1_000_000 });
    // #endregion
  }

  async publish(): Promise<{ readonly sequence: number; readonly duplicate: boolean }> {
    const { jetstream } = this;
    // #region publish
    const { sequence, duplicate } = await jetstream.publish(
      'orders.placed',
      { id: '4711', total: 12.5 },
      { messageId: '4711', expect: { stream: 'ORDERS' } },
    );
    // #endregion
    return { sequence, duplicate };
  }

  async reading(): Promise<Order> {
    const { jetstream } = this;
    // #region reading
    const orders = await jetstream.stream('ORDERS');
    const last = await orders.getLastMessage('orders.placed');
    const order = last.json<Order>();
    await orders.purge({ subject: 'orders.test' });
    // #endregion
    return order;
  }

  async consumer(): Promise<Consumer> {
    const { jetstream } = this;
    // #region consumer
    const shipping = await jetstream.createConsumer('ORDERS', { durable: 'shipping', ackWait: 10_000 });
    // #endregion
    return shipping;
  }

  consume(shipping: Consumer, ship: (order: Order) => Promise<void>): Consumption {
    // #region consume
    const consumption = shipping.consume(
      async (message) => {
        try {
          await ship(message.json<Order>());
          message.ack();
        } catch {
          message.nak(1_000);
        }
      },
      { maxMessages: 100 },
    );
    // #endregion
    return consumption;
  }

  async fetch(shipping: Consumer): Promise<number> {
    let received = 0;
    // #region fetch
    const batch = shipping.fetch(10, { maxWait: 1_000 });
    for await (const message of batch) {
      received++;
      message.ack();
    }
    if (batch.error) throw batch.error;
    const next = await shipping.next({ maxWait: 1_000 }); // undefined if none arrived
    next?.ack();
    // #endregion
    return received;
  }

  async keyValue(): Promise<string[]> {
    const { keyValues } = this;
    const seen: string[] = [];
    // #region key-value
    const profiles = await keyValues.createOrUpdate<Profile>({ bucket: 'profiles', history: 5 });
    const revision = await profiles.create('joe', { color: 'red' });
    await profiles.update('joe', { color: 'blue' }, revision);

    const entry = await profiles.get('joe');
    if (entry) seen.push(entry.value.color);

    for await (const change of await profiles.watch('*')) {
      seen.push(`${change.key}: ${change.operation}`);
      break;
    }
    // #endregion
    return seen;
  }

  async objectStore(): Promise<string[]> {
    const { objectStores } = this;
    // #region object-store
    const documents = await objectStores.createOrUpdate({ bucket: 'documents' });
    const theirs = await documents.getString('note.txt'); // ObjectNotFoundError if there is no such object
    await documents.putString('note.txt', 'Sue was called.');
    const ours = await documents.getString('note.txt');
    // #endregion
    return [theirs, ours];
  }

  async errors(): Promise<string> {
    const { jetstream } = this;
    // #region errors
    try {
      await jetstream.publish('orders.placed', '', { expect: { lastSequence: 99 } });
    } catch (error) {
      if (error instanceof WrongLastSequenceError) return 'another client was faster';
      if (error instanceof NoStreamResponseError) return 'no stream listens';
      if (error instanceof PublishTimeoutError) return 'it is unknown whether it was stored';
      throw error;
    }
    // #endregion
    return 'stored';
  }
}
