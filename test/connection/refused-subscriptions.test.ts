import { type NatsConnection } from '@nats-io/transport-node';
import { JetStreamError } from 'nestjs-nats-jetstream';
import { NatsTestServer, type NatsTestUser } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { connectOver } from './connect-over.js';
import { JetStreamConnection } from '../../lib/connection/index.js';
import {
  JetStreamService,
  type Consumer,
  type PushConsumer,
  type Stream,
} from '../../lib/jetstream/index.js';
import { KeyValueService, type KeyValue } from '../../lib/key-value/index.js';
import { Requests } from '../../lib/requests/index.js';

/** The handles of a user without permission to subscribe; another user has created the resources. */
interface Handles {
  readonly jetstream: JetStreamService;
  readonly stream: Stream;
  readonly consumer: Consumer;
  readonly push: PushConsumer;
  readonly keyValue: KeyValue;
}

// Permissions are changed while the connection is open: existing subscriptions were allowed, new ones are not.
const USERS: readonly NatsTestUser[] = [
  { user: 'all' },
  { user: 'mute', permissions: { publish: '>', subscribe: { deny: ['_INBOX.>', 'deliver.>'] } } },
];

let server: NatsTestServer;
const connections: NatsConnection[] = [];
beforeAll(async () => {
  server = await NatsTestServer.start({ users: USERS });
});
afterAll(async () => {
  await Promise.all(connections.map((nc) => nc.close()));
  await server.stop();
});

async function open(user: string, wire: string): Promise<JetStreamService> {
  const nc = await connectOver(wire, server.connectionFor(user));
  connections.push(nc);
  const connection = new JetStreamConnection('main', nc, {
    timeout: 2_000,
  });
  return new JetStreamService(connection, new Requests(connection), { codec: jsonCodec, publish: {} });
}

/** The same handles for the user without permissions, created from those of the other user. */
async function handles(wire: string): Promise<Handles> {
  const allowed = await open('all', wire);
  const stream = await allowed.createStream({ name: wire, subjects: [`${wire}.*`], storage: 'memory' });
  const consumer = await stream.createConsumer({ durable: 'c' });
  const push = await stream.createPushConsumer({ durable: 'p', deliverSubject: `deliver.${wire}` });
  const keyValue = await new KeyValueService(allowed).create({ bucket: wire, storage: 'memory' });
  const mute = await open('mute', wire);
  for (const handle of [stream, consumer, push] as object[]) Reflect.set(handle, 'api', mute.api);
  Reflect.set((keyValue as unknown as { store: object }).store, 'jetstream', mute);
  return { jetstream: mute, stream, consumer, push, keyValue };
}

async function all(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

async function wholeBatch(batch: ReturnType<Consumer['fetch']>): Promise<void> {
  await all(batch);
  if (batch.error) throw batch.error;
}

async function ended({ closed }: { readonly closed: Promise<Error | undefined> }): Promise<void> {
  const error = await closed;
  if (error) throw error;
}

const options = { onError: (): void => {} };

const CALLS: Readonly<Record<string, (on: Handles) => unknown>> = {
  request: ({ jetstream }) => jetstream.requests.request('a', ''),
  publish: ({ jetstream }) => jetstream.publish('a', 1),
  publishAsync: ({ jetstream }) => jetstream.publishAsync('a', 1).ack,
  publishBatch: ({ jetstream }) => jetstream.publishBatch([{ subject: 'a' }, { subject: 'a' }]),
  ingest: ({ jetstream }) => jetstream.ingest([{ subject: 'a' }]),
  accountInfo: ({ jetstream }) => jetstream.accountInfo(),
  getMessage: ({ stream }) => stream.getMessage(1),
  getMessages: ({ stream }) => all(stream.getMessages({ startSequence: 1 })),
  getLastMessages: ({ stream }) => all(stream.getLastMessages(['a'])),
  next: ({ consumer }) => consumer.next(),
  fetch: ({ consumer }) => wholeBatch(consumer.fetch(1)),
  consume: ({ consumer }) => ended(consumer.consume(() => undefined, options)),
  messages: ({ consumer }) => all(consumer.messages()),
  'push consume': ({ push }) => ended(push.consume(() => undefined, options)),
  'ordered next': async ({ stream }) => (await stream.orderedConsumer()).next(),
  'kv watch': ({ keyValue }) => keyValue.watch(),
  'kv cached': ({ keyValue }) => keyValue.cached(),
  'kv keys': ({ keyValue }) => all(keyValue.keys()),
};

describe.each(['direct', 'client'])('without permission to subscribe, through the %s wire', (wire) => {
  let on: Handles;
  beforeAll(async () => {
    on = await handles(wire);
  });

  it.each(Object.entries(CALLS))('%s ends with an error of this library', async (_, call) => {
    const outcome = await Promise.resolve(on)
      .then(call)
      .then(
        () => 'no error',
        (error: unknown) => error,
      );
    expect(outcome).toBeInstanceOf(JetStreamError);
    expect((outcome as Error).message).toMatch(/permission|may not subscribe|no longer/);
  });
});
