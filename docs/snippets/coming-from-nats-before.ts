import {
  AckPolicy,
  connect,
  Empty,
  JSONCodec,
  nanos,
  NatsError,
  type Consumer,
  type ConsumerMessages,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
} from 'nats';

interface Order {
  readonly id: string;
  readonly total: number;
}

interface Profile {
  readonly color: string;
}

export interface Connected {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

export async function open(url: string): Promise<Connected> {
  // #region connect
  const nc = await connect({ servers: url });
  const js = nc.jetstream();
  const jsm = await nc.jetstreamManager();
  // #endregion
  return { nc, js, jsm };
}

export async function streams(jsm: JetStreamManager): Promise<void> {
  // #region streams
  await jsm.streams.add({ name: 'ORDERS', subjects: ['orders.>'], max_age: nanos(24 * 3_600_000) });
  await jsm.streams.update('ORDERS', { max_msgs: 1_000_000 });
  // #endregion
}

export async function publish(js: JetStreamClient): Promise<number> {
  // #region publish
  const codec = JSONCodec<Order>();
  const { seq } = await js.publish('orders.placed', codec.encode({ id: '4711', total: 12.5 }), {
    msgID: '4711',
    expect: { streamName: 'ORDERS' },
  });
  // #endregion
  return seq;
}

export async function reading(jsm: JetStreamManager): Promise<Order> {
  // #region reading
  const last = await jsm.streams.getMessage('ORDERS', { last_by_subj: 'orders.placed' });
  const order = last.json<Order>();
  await jsm.streams.purge('ORDERS', { filter: 'orders.test' });
  // #endregion
  return order;
}

export async function consumer(jsm: JetStreamManager, js: JetStreamClient): Promise<Consumer> {
  // #region consumer
  await jsm.consumers.add('ORDERS', {
    durable_name: 'shipping',
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(10_000),
  });
  const shipping = await js.consumers.get('ORDERS', 'shipping');
  // #endregion
  return shipping;
}

export async function consume(
  shipping: Consumer,
  ship: (order: Order) => Promise<void>,
): Promise<ConsumerMessages> {
  // #region consume
  const messages = await shipping.consume({ max_messages: 100 });
  void (async () => {
    for await (const message of messages) {
      try {
        await ship(message.json<Order>());
        message.ack();
      } catch {
        message.nak(1_000);
      }
    }
  })();
  // #endregion
  return messages;
}

export async function fetch(shipping: Consumer): Promise<number> {
  let received = 0;
  // #region fetch
  const batch = await shipping.fetch({ max_messages: 10, expires: 1_000 });
  for await (const message of batch) {
    received++;
    message.ack();
  }
  const next = await shipping.next({ expires: 1_000 }); // null if none arrived
  next?.ack();
  // #endregion
  return received;
}

export async function keyValue(js: JetStreamClient): Promise<string[]> {
  const seen: string[] = [];
  // #region key-value
  const codec = JSONCodec<Profile>();
  const profiles = await js.views.kv('profiles', { history: 5 });
  const revision = await profiles.create('sue', codec.encode({ color: 'red' }));
  await profiles.update('sue', codec.encode({ color: 'blue' }), revision);

  const entry = await profiles.get('sue');
  if (entry?.operation === 'PUT') seen.push(entry.json<Profile>().color);

  const watch = await profiles.watch({ key: '*' });
  for await (const change of watch) {
    seen.push(`${change.key}: ${change.operation}`);
    break;
  }
  // #endregion
  return seen;
}

export async function objectStore(js: JetStreamClient): Promise<string | undefined> {
  // #region object-store
  const documents = await js.views.os('documents');
  await documents.putBlob({ name: 'note.txt' }, new TextEncoder().encode('Call Sue.'));
  const bytes = await documents.getBlob('note.txt'); // null if there is no such object
  const text = bytes ? new TextDecoder().decode(bytes) : undefined;
  // #endregion
  return text;
}

export async function errors(js: JetStreamClient): Promise<string> {
  // #region errors
  try {
    await js.publish('orders.placed', Empty, { expect: { lastSequence: 99 } });
  } catch (error) {
    if (!(error instanceof NatsError)) throw error;
    if (error.api_error?.err_code === 10071) return 'another client was faster';
    if (error.code === '503') return 'no stream listens';
    if (error.code === 'TIMEOUT') return 'it is unknown whether it was stored';
    throw error;
  }
  // #endregion
  return 'stored';
}
