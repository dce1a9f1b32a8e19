import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConsumerDeletedError, RequestTimeoutError, ServerShutdownError } from '../../../lib/errors/index.js';
import type { Consumer, ConsumerConfig, MessageBatch, Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { collect, ConnectedJetStream, startServer, uniqueName } from '../streams/connected-jetstream.js';

/** How long a batch may take whose request the server ends, besides its `maxWait`, in milliseconds. */
const PROMPTLY = 600;

/** How the server ends a request: the batch has no error, and takes about as long as the request. */
interface NormalEnd {
  readonly name: string;
  readonly since?: string;
  readonly config?: Omit<ConsumerConfig, 'durable'>;
  /** The number of stored messages. */
  readonly stored: number;
  /** What happens before the request. */
  readonly before?: (consumer: Consumer, stream: Stream) => Promise<unknown>;
  readonly fetch: (consumer: Consumer) => MessageBatch;
  readonly received: number;
  readonly wait?: number;
}

const WAIT = 300;

const NORMAL: readonly NormalEnd[] = [
  { name: 'fetch: all arrive', stored: 5, fetch: (c) => c.fetch(5), received: 5 },
  {
    name: 'fetch: some arrive',
    stored: 2,
    fetch: (c) => c.fetch(5, { maxWait: WAIT }),
    received: 2,
    wait: WAIT,
  },
  {
    name: 'fetch: none arrives',
    stored: 0,
    fetch: (c) => c.fetch(5, { maxWait: WAIT }),
    received: 0,
    wait: WAIT,
  },
  {
    name: 'fetch with heartbeats: none arrives',
    stored: 0,
    fetch: (c) => c.fetch(5, { maxWait: WAIT, heartbeat: 100 }),
    received: 0,
    wait: WAIT,
  },
  {
    name: 'fetch: too many messages are not acknowledged',
    config: { maxAckPending: 2 },
    stored: 5,
    before: (c) => collect(c.fetch(2)),
    fetch: (c) => c.fetch(1, { maxWait: WAIT }),
    received: 0,
    wait: WAIT,
  },
  {
    name: 'fetch: the limit of unacknowledged messages is reached',
    config: { maxAckPending: 2 },
    stored: 5,
    fetch: (c) => c.fetch(5, { maxWait: WAIT }),
    received: 2,
    wait: WAIT,
  },
  {
    name: 'fetch: another request waits',
    stored: 0,
    before: async (c) => c.fetch(1, { maxWait: 5_000 }),
    fetch: (c) => c.fetch(1, { maxWait: WAIT }),
    received: 0,
    wait: WAIT,
  },
  {
    name: 'fetch: the consumer is paused',
    since: '2.11.0',
    stored: 2,
    before: (c, stream) => stream.pauseConsumer(c.name, new Date(Date.now() + 60_000)),
    fetch: (c) => c.fetch(1, { maxWait: WAIT }),
    received: 0,
    wait: WAIT,
  },
  {
    name: 'fetchBytes: nothing arrives',
    stored: 0,
    fetch: (c) => c.fetchBytes(9_999, { maxWait: WAIT }),
    received: 0,
    wait: WAIT,
  },
  {
    name: 'fetchBytes: some arrive',
    stored: 3,
    fetch: (c) => c.fetchBytes(9_999, { maxWait: WAIT }),
    received: 3,
    wait: WAIT,
  },
  { name: 'fetchNoWait: all arrive', stored: 5, fetch: (c) => c.fetchNoWait(5), received: 5 },
  { name: 'fetchNoWait: some arrive', stored: 2, fetch: (c) => c.fetchNoWait(5), received: 2 },
  { name: 'fetchNoWait: none arrives', stored: 0, fetch: (c) => c.fetchNoWait(5), received: 0 },
  {
    name: 'fetchNoWait: all messages are in flight',
    stored: 2,
    before: (c) => collect(c.fetch(2)),
    fetch: (c) => c.fetchNoWait(5),
    received: 0,
  },
  {
    name: 'fetchNoWait: too many messages are not acknowledged',
    config: { maxAckPending: 2 },
    stored: 5,
    before: (c) => collect(c.fetch(2)),
    fetch: (c) => c.fetchNoWait(1),
    received: 0,
  },
  {
    name: 'fetchNoWait: the limit of unacknowledged messages is reached',
    config: { maxAckPending: 2 },
    stored: 5,
    fetch: (c) => c.fetchNoWait(5),
    received: 2,
  },
  {
    name: 'fetchNoWait: another request waits',
    stored: 0,
    before: async (c) => c.fetch(1, { maxWait: 5_000 }),
    fetch: (c) => c.fetchNoWait(1),
    received: 0,
  },
  {
    name: 'fetchNoWait: the consumer is paused',
    since: '2.11.0',
    stored: 2,
    before: (c, stream) => stream.pauseConsumer(c.name, new Date(Date.now() + 60_000)),
    fetch: (c) => c.fetchNoWait(1),
    received: 0,
  },
  {
    name: 'fetchNoWait: another client is pinned',
    since: '2.11.0',
    config: { priorityGroups: ['g'], priorityPolicy: 'pinned_client', pinnedTtl: 60_000 },
    stored: 3,
    before: async (c, stream) => collect((await stream.consumer(c.name)).fetch(1, { priorityGroup: 'g' })),
    fetch: (c) => c.fetchNoWait(1, { priorityGroup: 'g' }),
    received: 0,
  },
  {
    name: 'fetchNoWait: too few messages are pending for the overflow',
    since: '2.11.0',
    config: { priorityGroups: ['g'], priorityPolicy: 'overflow' },
    stored: 3,
    fetch: (c) => c.fetchNoWait(1, { priorityGroup: 'g', minPending: 10 }),
    received: 0,
  },
];

describe.each(['2.15', '2.10', '2.9'])('the end of a request on nats-server %s', (version) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let stream: Stream;

  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    connected = await ConnectedJetStream.connect(server.url);
    stream = await connected.jetstream.createStream({ name: uniqueName(), subjects: ['s.>'] });
  });
  afterEach(async () => {
    server.resume();
    await connected[Symbol.asyncDispose]();
    await using cleaner = await ConnectedJetStream.connect(server.url);
    await cleaner.jetstream.deleteStream(stream.name);
  });

  it.each(NORMAL.map((end) => [end.name, end] as const))('%s', async (_, end) => {
    if (end.since !== undefined && !connected.jetstream.connection.supports(end.since)) return;
    const consumer = await stream.createConsumer({ durable: 'd', ...end.config });
    for (let i = 0; i < end.stored; i++) await connected.jetstream.publish('s.a', i);
    await end.before?.(consumer, stream);
    await connected.nc.flush();
    const started = performance.now();
    const batch = end.fetch(consumer);
    const messages = await collect(batch);
    const took = performance.now() - started;
    expect(batch.error).toBeUndefined();
    expect(messages).toHaveLength(end.received);
    expect(took).toBeLessThan((end.wait ?? 0) + PROMPTLY);
  });

  describe('without a status', () => {
    let consumer: Consumer;

    beforeEach(async () => {
      consumer = await stream.createConsumer({ durable: 'd' });
      for (let i = 0; i < 2; i++) await connected.jetstream.publish('s.a', i);
      await connected.nc.flush();
    });

    function silence(timeout: number): object {
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream.name}.d`;
      return { constructor: RequestTimeoutError, subject, timeout };
    }

    it.skipIf(process.platform === 'win32')('a batch of a server that hangs has an error', async () => {
      server.pause();
      const fetched = consumer.fetch(5, { maxWait: 200 });
      const bytes = consumer.fetchBytes(5_000, { maxWait: 200 });
      const available = consumer.fetchNoWait(5, { timeout: 200 });
      const next = consumer.next({ maxWait: 200 }).catch((error: unknown) => error);
      for (const batch of [fetched, bytes, available]) expect(await collect(batch)).toEqual([]);
      expect(fetched.error).toMatchObject(silence(1_200));
      expect(bytes.error).toMatchObject(silence(1_200));
      expect(available.error).toMatchObject(silence(200));
      expect(await next).toMatchObject(silence(1_200));
      expect(fetched.error?.message).toMatch(
        /^No reply to ".+" within 1200 ms\. Check that the server is running and reachable, then fetch again\.$/,
      );
    });

    it.skipIf(process.platform === 'win32')('a batch with messages has an error too', async () => {
      const batch = consumer.fetch(5, { maxWait: 300 });
      const messages = batch[Symbol.asyncIterator]();
      const first = await messages.next();
      server.pause();
      expect(first.value?.text()).toBe('0');
      expect((await messages.next()).value?.text()).toBe('1');
      expect((await messages.next()).done).toBe(true);
      expect(batch.error).toMatchObject(silence(1_300));
    });

    it('a batch whose server is killed has an error', async () => {
      await collect(consumer.fetch(2));
      const batch = consumer.fetch(5, { maxWait: 1_000 });
      await connected.nc.flush();
      await server.kill();
      await server.restart();
      expect(await collect(batch)).toEqual([]);
      expect(batch.error).toMatchObject(silence(2_000));
      await connected.jetstream.publish('s.a', 2);
      expect(await consumer.next()).toBeDefined();
    });

    it('a batch whose server shuts down has the error of its status', async () => {
      await collect(consumer.fetch(2));
      const batch = consumer.fetch(5, { maxWait: 1_000 });
      await connected.nc.flush();
      await server.restart();
      expect(await collect(batch)).toEqual([]);
      expect(batch.error).toBeInstanceOf(ServerShutdownError);
      expect(batch.error?.message).toMatch(/: 409 Server Shutdown\. Fetch again\.$/);
    });

    it('a batch that is interrupted by a reconnect has either its messages or an error', async () => {
      await collect(consumer.fetch(2));
      const batch = consumer.fetch(1, { maxWait: 1_000 });
      await connected.nc.flush();
      await connected.nc.reconnect();
      await connected.jetstream.publish('s.a', 2, { idempotent: true });
      const texts = (await collect(batch)).map((message) => message.text());
      expect(batch.error instanceof RequestTimeoutError ? ['2'] : texts).toEqual(['2']);
    });

    it('a batch of a deleted consumer has an error', async () => {
      await stream.deleteConsumer('d');
      const batch = consumer.fetch(5, { maxWait: 300 });
      expect(await collect(batch)).toEqual([]);
      expect(batch.error).toBeInstanceOf(version === '2.9' ? RequestTimeoutError : ConsumerDeletedError);
    });
  });
});
