import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  InvalidArgumentError,
  MaxBytesExceededError,
  NoHeartbeatError,
} from '../../../lib/errors/index.js';
import type { Consumer, FetchOptions, MessageBatch, Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { collect, ConnectedJetStream, uniqueName, startServer } from '../streams/connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('fetching on nats-server %s', (version) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let stream: Stream;
  let consumer: Consumer;

  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    connected = await ConnectedJetStream.connect(server.url);
    stream = await connected.jetstream.createStream({
      name: streamName,
      subjects: ['s.>'],
      storage: 'memory',
    });
    consumer = await stream.createConsumer({ durable: 'd' });
  });
  afterEach(async () => {
    await connected[Symbol.asyncDispose]();
    await using cleaner = await ConnectedJetStream.connect(server.url);
    await cleaner.jetstream.deleteStream(streamName);
  });

  async function texts(batch: MessageBatch): Promise<string[]> {
    return (await collect(batch)).map((message) => message.text());
  }

  async function publishNumbers(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) await connected.jetstream.publish('s.a', String(i));
  }

  describe('fetch', () => {
    it('returns the requested number of messages, and ends', async () => {
      await publishNumbers(5);

      const batch = consumer.fetch(3);

      expect(await texts(batch)).toEqual(['1', '2', '3']);
      expect(batch.error).toBeUndefined();
      expect(batch.done).toBe(true);
      expect(await texts(consumer.fetch(2))).toEqual(['4', '5']);
    });

    it('waits for messages that are not stored yet', async () => {
      const batch = consumer.fetch(2, { maxWait: 5_000 });
      await publishNumbers(2);

      expect(await texts(batch)).toEqual(['1', '2']);
    });

    it('ends without an error after maxWait', async () => {
      await publishNumbers(1);

      const started = performance.now();
      const batch = consumer.fetch(5, { maxWait: 300 });

      expect(await texts(batch)).toEqual(['1']);
      expect(batch.error).toBeUndefined();
      expect(performance.now() - started).toBeGreaterThan(250);
      expect(performance.now() - started).toBeLessThan(1_200);
    });

    it('leaves no subscription behind', async () => {
      await publishNumbers(3);
      await texts(consumer.fetch(1));
      await texts(consumer.fetchNoWait(1));
      for await (const _ of consumer.fetch(5)) break;
      await connected.nc.flush();

      // Only the inbox of requests remains.
      const { connections } = (await (await fetch(`${server.monitoringUrl}/connz?subs=1`)).json()) as {
        connections: { subscriptions_list?: string[] }[];
      };
      expect(connections.map(({ subscriptions_list: subscriptions = [] }) => subscriptions.length)).toEqual([
        1,
      ]);
    });

    it('is cancelled by a signal, and keeps earlier messages', async () => {
      await publishNumbers(1);
      const abort = new AbortController();
      const batch = consumer.fetch(5, { signal: abort.signal });
      const messages = batch[Symbol.asyncIterator]();
      const first = await messages.next();

      abort.abort(new Error('enough'));

      expect(first.value?.text()).toBe('1');
      expect((await messages.next()).done).toBe(true);
      expect(batch.error).toEqual(new Error('enough'));
      expect(consumer.fetch(1, { signal: abort.signal }).error).toEqual(new Error('enough'));
    });

    it('reports that the server is silent', async () => {
      const batch = consumer.fetch(5, { maxWait: 10_000, heartbeat: 100 });
      const reading = texts(batch);
      await connected.nc.flush();
      server.pause();
      try {
        expect(await reading).toEqual([]);
      } finally {
        server.resume();
      }
      expect(batch.error).toBeInstanceOf(NoHeartbeatError);
      expect(batch.error?.message).toBe(
        `No heartbeat from consumer "d" of stream "${streamName}" for more than 200 ms. ` +
          'Check that the server is running and reachable, then fetch again.',
      );
    });

    it('does not mistake an idle server for a silent one', async () => {
      const batch = consumer.fetch(5, { maxWait: 1_000, heartbeat: 100 });

      expect(await texts(batch)).toEqual([]);
      expect(batch.error).toBeUndefined();
    });

    it('reports that the consumer was deleted', async () => {
      const batch = consumer.fetch(5);
      const reading = texts(batch);
      await connected.nc.flush();
      await stream.deleteConsumer('d');

      expect(await reading).toEqual([]);
      expect(batch.error).toBeInstanceOf(ConsumerDeletedError);
      expect(batch.error?.message).toContain(`"d" of stream "${streamName}"`);
    });

    // nats-server 2.9 does not report that there are no responders.
    it.skipIf(version === '2.9').each(['consumer', 'stream'])(
      'reports that the %s was deleted before',
      async (deleted) => {
        if (deleted === 'consumer') await stream.deleteConsumer('d');
        else {
          await connected.jetstream.deleteStream(streamName);
          await connected.jetstream.createStream({ name: streamName });
        }

        const batches = [consumer.fetch(5), consumer.fetchBytes(5_000), consumer.fetchNoWait(5)];

        for (const batch of batches) {
          expect(await texts(batch)).toEqual([]);
          expect(batch.error).toBeInstanceOf(ConsumerDeletedError);
        }
        await expect(consumer.next()).rejects.toThrow(ConsumerDeletedError);
      },
    );

    it('reports that the connection was closed', async () => {
      const batch = consumer.fetch(5);
      const reading = texts(batch);
      await connected.nc.close();

      expect(await reading).toEqual([]);
      expect(batch.error).toBeInstanceOf(ConnectionClosedError);
      expect(consumer.fetch(5).error).toBeInstanceOf(ConnectionClosedError);
    });

    it('respects the limits of the consumer', async () => {
      const limited = await stream.createConsumer({
        name: 'limited',
        maxRequestBatch: 5,
        maxRequestExpires: 500,
        maxRequestMaxBytes: 1_000,
      });
      await publishNumbers(1);

      expect(await texts(limited.fetch(5))).toEqual(['1']);
      expect(() => limited.fetch(6)).toThrow('the consumer allows 5 in a request');
      expect(() => limited.fetch(1, { maxWait: 600 })).toThrow(InvalidArgumentError);
      expect(() => limited.fetchBytes(2_000)).toThrow(InvalidArgumentError);
      expect(() => limited.fetchNoWait(6)).toThrow(InvalidArgumentError);
    });

    it.each<[string, number, FetchOptions]>([
      ['no message', 0, {}],
      ['half a message', 1.5, {}],
      ['no wait', 1, { maxWait: 0 }],
      ['a wait that is not a number', 1, { maxWait: Number.NaN }],
      ['a heartbeat longer than half the wait', 1, { maxWait: 1_000, heartbeat: 600 }],
      ['a group that the consumer does not have', 1, { priorityGroup: 'g' }],
      ['a priority without group', 1, { priority: 3 }],
    ])('rejects %s before anything is sent', (_, messages, options) => {
      const before = connected.nc.stats().outMsgs;

      expect(() => consumer.fetch(messages, options)).toThrow(Error);
      expect(connected.nc.stats().outMsgs).toBe(before);
    });
  });

  describe('fetchBytes', () => {
    it('returns messages up to the given number of bytes', async () => {
      await connected.publish('s.a', 10, new Uint8Array(1_000));

      const batch = consumer.fetchBytes(5_000, { maxWait: 500 });

      expect(await texts(batch)).toHaveLength(4);
      expect(batch.error).toBeUndefined();
      // Messages that did not fit are not lost.
      expect(await collect(consumer.fetch(6))).toHaveLength(6);
    });

    it('returns the available messages after maxWait', async () => {
      await connected.publish('s.a', 2, new Uint8Array(1_000));

      const batch = consumer.fetchBytes(100_000, { maxWait: 200 });

      expect(await collect(batch)).toHaveLength(2);
      expect(batch.error).toBeUndefined();
    });

    it('reports that not even one message fits', async () => {
      await connected.publish('s.a', 1, new Uint8Array(1_000));

      const batch = consumer.fetchBytes(500, { maxWait: 500 });

      expect(await collect(batch)).toEqual([]);
      expect(batch.error).toBeInstanceOf(MaxBytesExceededError);
      expect(batch.error?.message).toMatch(
        /\. Raise the requested bytes above the size of the largest message\.$/,
      );
    });

    it.each([0, -1, 1.5])('rejects %d bytes', (bytes) => {
      expect(() => consumer.fetchBytes(bytes)).toThrow(InvalidArgumentError);
    });
  });

  describe('fetchNoWait', () => {
    it('returns the available messages at once', async () => {
      await publishNumbers(2);

      const started = performance.now();
      expect(await texts(consumer.fetchNoWait(5))).toEqual(['1', '2']);
      expect(await texts(consumer.fetchNoWait(5))).toEqual([]);
      expect(performance.now() - started).toBeLessThan(500);
    });

    it('returns at most the requested number', async () => {
      await publishNumbers(3);

      expect(await texts(consumer.fetchNoWait(2))).toEqual(['1', '2']);
    });
  });

  describe('next', () => {
    it('returns the next message', async () => {
      await publishNumbers(2);

      expect((await consumer.next())?.text()).toBe('1');
      expect((await consumer.next())?.text()).toBe('2');
    });

    it('returns nothing after maxWait', async () => {
      expect(await consumer.next({ maxWait: 100 })).toBeUndefined();
    });

    it('waits for a message', async () => {
      const next = consumer.next({ maxWait: 5_000 });
      await publishNumbers(1);

      expect((await next)?.text()).toBe('1');
    });

    it('throws the error of a failed request', async () => {
      const failure = consumer.next().catch((error: unknown) => error);
      await connected.nc.flush();
      await stream.deleteConsumer('d');

      expect(await failure).toBeInstanceOf(ConsumerDeletedError);
      await expect(consumer.next({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
        'enough',
      );
    });
  });
});
