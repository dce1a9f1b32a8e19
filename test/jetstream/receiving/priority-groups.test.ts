import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  PullRequestRefusedError,
  UnsupportedServerFeatureError,
} from '../../../lib/errors/index.js';
import type { Consumer, Stream } from '../../../lib/jetstream/index.js';
import { NatsTestServer } from '../../../lib/testing/index.js';
import { collect, ConnectedJetStream, uniqueName, startServer } from '../streams/connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe('priority groups', () => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let stream: Stream;

  beforeAll(async () => {
    server = await startServer();
    connected = await ConnectedJetStream.connect(server.url);
  });
  afterAll(async () => {
    await connected[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    stream = await connected.jetstream.createStream({ name: streamName, subjects: ['s'], storage: 'memory' });
  });
  afterEach(() => connected.jetstream.deleteStream(streamName));

  describe('with a pinned client', () => {
    let consumer: Consumer;

    beforeEach(async () => {
      consumer = await stream.createConsumer({
        durable: 'd',
        priorityPolicy: 'pinned_client',
        priorityGroups: ['g'],
        pinnedTtl: 60_000,
      });
    });

    it('continue even if a publisher forges the id of the pinned client', async () => {
      const errors: Error[] = [];
      const received: string[] = [];
      const handle = await stream.consumer('d');
      await using _ = handle.consume((message) => void received.push(message.text()), {
        priorityGroup: 'g',
        maxMessages: 2,
        onError: (error) => errors.push(error),
      });
      const texts = Array.from({ length: 20 }, (__, i) => String(i));
      for (const text of texts) {
        await connected.jetstream.publish('s', text, { headers: { 'Nats-Pin-Id': 'mine' } });
      }
      await expect.poll(() => received).toEqual(texts);
      expect(errors).toEqual([]);

      const batch = handle.fetch(3, { priorityGroup: 'g', maxWait: 200 });
      expect(await collect(batch)).toEqual([]);
    });

    it('deliver to one client until it is unpinned', async () => {
      const received: Record<'one' | 'two', string[]> = { one: [], two: [] };
      const errors: Error[] = [];
      const start = async (name: 'one' | 'two') => {
        const handle = await stream.consumer('d');
        return handle.consume((message) => void received[name].push(message.text()), {
          priorityGroup: 'g',
          onError: (error) => errors.push(error),
        });
      };
      await using one = await start('one');
      await connected.jetstream.publish('s', '1');
      await expect.poll(() => received.one).toEqual(['1']);
      await using _ = await start('two');
      for (const text of ['2', '3']) await connected.jetstream.publish('s', text);
      await expect.poll(() => received.one).toEqual(['1', '2', '3']);
      expect(received.two).toEqual([]);

      // The unpinned client is notified that it lost the pin, and the other one gets it.
      await stream.unpinConsumer('d', 'g');
      for (const text of ['4', '5']) await connected.jetstream.publish('s', text);

      await expect.poll(() => received.two).toEqual(['4', '5']);
      expect(received.one).toEqual(['1', '2', '3']);
      expect(errors[0]).toBeInstanceOf(PullRequestRefusedError);
      expect(errors[0]).toMatchObject({ status: 423 });
      await one.stop();
    });

    it('keep the pin of a handle that fetches repeatedly', async () => {
      const other = await stream.consumer('d');
      await connected.publish('s', 3);

      expect((await consumer.next({ priorityGroup: 'g' }))?.metadata.streamSequence).toBe(1);
      expect(await other.next({ priorityGroup: 'g', maxWait: 100 })).toBeUndefined();
      expect((await consumer.next({ priorityGroup: 'g' }))?.metadata.streamSequence).toBe(2);

      await stream.unpinConsumer('d', 'g');
      const batch = consumer.fetchNoWait(1, { priorityGroup: 'g' });
      expect(await collect(batch)).toEqual([]);
      expect(batch.error).toMatchObject({ name: 'PinIdMismatchError', status: 423 });
      expect((await consumer.next({ priorityGroup: 'g' }))?.metadata.streamSequence).toBe(3);
    });
  });

  it('with overflow deliver only if enough messages are pending', async () => {
    const consumer = await stream.createConsumer({
      durable: 'd',
      priorityPolicy: 'overflow',
      priorityGroups: ['g'],
    });
    await connected.publish('s', 3);

    expect(await consumer.next({ priorityGroup: 'g', minPending: 5, maxWait: 100 })).toBeUndefined();
    expect(await consumer.next({ priorityGroup: 'g', minAckPending: 1, maxWait: 100 })).toBeUndefined();
    await connected.publish('s', 3);
    expect(await consumer.next({ priorityGroup: 'g', minPending: 5, maxWait: 5_000 })).toBeDefined();
    expect(await consumer.next({ priorityGroup: 'g', minAckPending: 1, maxWait: 5_000 })).toBeDefined();

    const received: number[] = [];
    await using _ = consumer.consume(({ metadata }) => void received.push(metadata.streamSequence), {
      priorityGroup: 'g',
      minPending: 3,
    });
    await expect.poll(() => received).toEqual([3, 4]);
  });

  it('with priorities deliver to the waiting client with the highest priority', async () => {
    const consumer = await stream.createConsumer({
      durable: 'd',
      priorityPolicy: 'prioritized',
      priorityGroups: ['g'],
    });
    const received: string[] = [];
    await using low = consumer.consume(() => void received.push('low'), { priorityGroup: 'g', priority: 5 });
    await connected.nc.flush();
    const high = consumer.consume(() => void received.push('high'), { priorityGroup: 'g', priority: 1 });
    await connected.nc.flush();

    await connected.publish('s', 3);
    await expect.poll(() => received).toEqual(['high', 'high', 'high']);
    await high.stop();
    await connected.nc.flush();
    await connected.publish('s', 1);

    await expect.poll(() => received).toEqual(['high', 'high', 'high', 'low']);
    await low.stop();
  });

  it('are required if the consumer has them, otherwise rejected', async () => {
    const grouped = await stream.createConsumer({
      name: 'g',
      priorityPolicy: 'overflow',
      priorityGroups: ['a', 'b'],
    });
    const plain = await stream.createConsumer({ name: 'p' });

    expect(() => grouped.consume(() => {})).toThrow('the consumer requires one of "a", "b"');
    expect(() => grouped.messages({ priorityGroup: 'c' })).toThrow('"c" is not one of "a", "b"');
    expect(() => grouped.fetch(1)).toThrow(InvalidArgumentError);
    expect(() => grouped.fetchNoWait(1)).toThrow(InvalidArgumentError);
    expect(() => plain.consume(() => {}, { priorityGroup: 'a' })).toThrow(
      'the consumer has no priority groups',
    );
    expect(() => plain.fetch(1, { minPending: 5 })).toThrow(InvalidArgumentError);
    expect(() => grouped.fetch(1, { priorityGroup: 'a', minPending: 0 })).toThrow(InvalidArgumentError);
    expect(() => grouped.fetch(1, { priorityGroup: 'a', minAckPending: 0.5 })).toThrow(InvalidArgumentError);
    expect(() => grouped.fetch(1, { priorityGroup: 'a', priority: 10 })).toThrow(InvalidArgumentError);
  });
});

it.each(['2.10', '2.9'])('priority groups require a newer server than %s', async (version) => {
  await using server = await NatsTestServer.start({ version });
  await using connected = await ConnectedJetStream.connect(server.url);
  const stream = await connected.jetstream.createStream({ name: streamName, subjects: ['s'] });
  const consumer = await stream.createConsumer({ durable: 'd' });

  for (const [options, feature, required] of [
    [{ priorityGroup: 'g' }, 'priorityGroup', '2.11.0'],
    [{ minPending: 1 }, 'minPending', '2.11.0'],
    [{ minAckPending: 1 }, 'minAckPending', '2.11.0'],
    [{ priority: 1 }, 'priority', '2.12.0'],
  ] as const) {
    for (const attempt of [
      () => consumer.consume(() => {}, options),
      () => consumer.messages(options),
      () => consumer.fetch(1, options),
      () => consumer.fetchNoWait(1, options),
    ]) {
      expect(attempt).toThrow(UnsupportedServerFeatureError);
      expect(attempt).toThrow(`The pull option ${feature} needs nats-server ${required} or newer`);
    }
  }
});
