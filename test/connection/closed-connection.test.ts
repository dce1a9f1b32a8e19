import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { JetStreamConnection } from '../../lib/connection/index.js';
import { JetStreamError } from '../../lib/errors/index.js';
import { JetStreamService, StorageType, type Consumer, type Stream } from '../../lib/jetstream/index.js';
import { KeyValueService, type KeyValue } from '../../lib/key-value/index.js';
import { ObjectStoreService, type ObjectStore } from '../../lib/object-store/index.js';
import { Requests } from '../../lib/requests/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { unknownClient } from './unknown-client.js';

interface Ended {
  readonly jetstream: JetStreamService;
  readonly stream: Stream;
  readonly consumer: Consumer;
  readonly keyValue: KeyValue;
  readonly objects: ObjectStore;
}

let server: NatsTestServer;
const ended = new Map<string, Ended>();
const states: readonly (readonly [string, (nc: NatsConnection) => unknown])[] = [
  ['closed', (nc) => nc.close()],
  ['drained', (nc) => nc.drain()],
];

beforeAll(async () => {
  server = await NatsTestServer.start();
  for (const wire of ['direct', 'client']) {
    for (const [state, end] of states) {
      const nc = await connect({ servers: server.url });
      const connection = new JetStreamConnection('main', wire === 'direct' ? nc : unknownClient(nc));
      const jetstream = new JetStreamService(connection, new Requests(connection), {
        codec: jsonCodec,
        publish: {},
      });
      const name = `${wire}-${state}`;
      const stream = await jetstream.createStream({ name, subjects: [name], storage: StorageType.Memory });
      const consumer = await stream.createConsumer({ durable: 'c' });
      const keyValue = await new KeyValueService(jetstream).create({ bucket: name });
      const objects = await new ObjectStoreService(jetstream).create({ bucket: name });
      await objects.putString('o', 'x');
      await end(nc);
      ended.set(name, { jetstream, stream, consumer, keyValue, objects });
    }
  }
});
afterAll(() => server.stop());

async function all(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

const OPERATIONS: Readonly<Record<string, (on: Ended) => unknown>> = {
  publish: ({ jetstream }) => jetstream.publish('a', 1),
  publishAsync: ({ jetstream }) => jetstream.publishAsync('a', 1).ack,
  publishBatch: ({ jetstream }) =>
    jetstream.publishBatch([
      { subject: 'a', data: 1 },
      { subject: 'a', data: 2 },
    ]),
  ingest: ({ jetstream }) => jetstream.ingest([{ subject: 'a', data: 1 }]),
  accountInfo: ({ jetstream }) => jetstream.accountInfo(),
  listStreams: ({ jetstream }) => all(jetstream.listStreams()),
  'stream.info': ({ stream }) => stream.info(),
  getMessage: ({ stream }) => stream.getMessage(1),
  getMessages: ({ stream }) => all(stream.getMessages({ startSequence: 1, batch: 5 })),
  getLastMessages: ({ stream }) => all(stream.getLastMessages(['a'])),
  createConsumer: ({ stream }) => stream.createConsumer({ durable: 'd' }),
  orderedConsumer: async ({ stream }) => (await stream.orderedConsumer()).next(),
  'consumer.next': ({ consumer }) => consumer.next(),
  'consumer.fetch': async ({ consumer }) => {
    const batch = consumer.fetch(5);
    await all(batch);
    await Promise.reject(batch.error ?? new Error('the batch has no error'));
  },
  'consumer.consume': ({ consumer }) => consumer.consume(() => undefined).closed,
  'consumer.messages': ({ consumer }) => all(consumer.messages()),
  'kv.get': ({ keyValue }) => keyValue.get('a'),
  'kv.put': ({ keyValue }) => keyValue.put('a', 1),
  'kv.keys': ({ keyValue }) => all(keyValue.keys()),
  'kv.watch': ({ keyValue }) => keyValue.watch(),
  'kv.cached': ({ keyValue }) => keyValue.cached(),
  'kv.history': ({ keyValue }) => keyValue.history('a'),
  'kv.lock': ({ keyValue }) => keyValue.lock('a'),
  'objects.get': ({ objects }) => objects.getString('o'),
  'objects.put': ({ objects }) => objects.putString('p', 'x'),
  'objects.list': ({ objects }) => all(objects.list()),
  'objects.watch': ({ objects }) => objects.watch(),
  'objects.delete': ({ objects }) => objects.delete('o'),
};

describe.each(['direct-closed', 'direct-drained', 'client-closed', 'client-drained'])(
  'on a connection that has ended (%s), an error of this library is thrown by',
  (name) => {
    it.each(Object.entries(OPERATIONS))('%s', async (_, operation) => {
      const on = ended.get(name);
      if (on === undefined) throw new Error('there is no such connection');
      const outcome = await Promise.resolve(on)
        .then(operation)
        .then(
          () => 'no error',
          (error: unknown) => error,
        );
      expect(outcome).toBeInstanceOf(JetStreamError);
    });
  },
);
