import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ConnectionClosedError,
  InvalidArgumentError,
  OrderedConsumerInUseError,
  StreamNotFoundError,
  UnsupportedServerFeatureError,
} from '../../../lib/errors/index.js';
import type { Consumption, Messages, OrderedConsumer, Stream } from '../../../lib/jetstream/index.js';
import { NatsTestServer } from '../../../lib/testing/index.js';
import { collect, ConnectedJetStream, uniqueName, startServer } from '../streams/connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('an ordered consumer on nats-server %s', (version) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let stream: Stream;

  beforeAll(async () => {
    server = await startServer(version);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    connected = await ConnectedJetStream.connect(server.url);
    stream = await connected.jetstream.createStream({ name: streamName, subjects: ['s.>'] });
  });
  afterEach(async () => {
    await connected[Symbol.asyncDispose]();
    await using cleaner = await ConnectedJetStream.connect(server.url);
    await cleaner.jetstream.deleteStream(streamName);
  });

  async function publishNumbers(count: number, first = 1): Promise<void> {
    for (let i = 0; i < count; i++) connected.nc.publish('s.a', String(first + i));
    await connected.nc.flush();
  }

  async function deleteCurrent(consumer: OrderedConsumer): Promise<void> {
    await stream.deleteConsumer(consumer.cachedInfo?.name ?? '');
  }

  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

  it('reads the stream in order, with consume', async () => {
    await publishNumbers(600);
    const consumer = await stream.orderedConsumer();
    const received: number[] = [];

    await using _ = consumer.consume((message) => void received.push(Number(message.text())));
    await expect.poll(() => received.length).toBe(600);
    await publishNumbers(1, 601);
    await expect.poll(() => received.length).toBe(601);

    expect(received).toEqual(numbers(601));
    expect(await consumer.info()).toMatchObject({
      config: { ackPolicy: 'none', memoryStorage: true, replicas: 1, inactiveThreshold: 300_000 },
      numAckPending: 0,
    });
  });

  it('reads the stream in order, with messages', async () => {
    await publishNumbers(600);
    const consumer = await connected.jetstream.orderedConsumer(streamName);
    const received: number[] = [];

    for await (const message of consumer.messages()) {
      received.push(Number(message.text()));
      if (received.length === 600) break;
    }

    expect(received).toEqual(numbers(600));
  });

  it.each(['consume', 'messages'])('survives the deletion of its consumer, with %s', async (how) => {
    await publishNumbers(10);
    const consumer = await stream.orderedConsumer();
    const received: number[] = [];
    const take = (message: { text(): string }) => void received.push(Number(message.text()));
    const options = { expiry: 1_000, heartbeat: 500, onError: () => {} };
    const iterate = async (messages: Messages) => {
      for await (const message of messages) take(message);
    };
    let reading: Consumption | Messages;
    if (how === 'consume') {
      reading = consumer.consume(take, options);
    } else {
      const messages = consumer.messages(options);
      reading = messages;
      void iterate(messages);
    }
    await expect.poll(() => received.length).toBe(10);

    for (let round = 1; round <= 3; round++) {
      await deleteCurrent(consumer);
      await publishNumbers(10, round * 10 + 1);
      await expect.poll(() => received.length, { timeout: 10_000 }).toBe(round * 10 + 10);
    }

    expect(received).toEqual(numbers(40));
    await reading.stop();
  });

  it('survives a server restart without gaps or repeats', async () => {
    await publishNumbers(50);
    const consumer = await stream.orderedConsumer();
    const received: number[] = [];
    await using _ = consumer.consume((message) => void received.push(Number(message.text())), {
      onError: () => {},
    });
    await expect.poll(() => received.length).toBe(50);

    await server.restart();
    for (let i = 51; i <= 60; i++) await connected.jetstream.publish('s.a', String(i));

    await expect.poll(() => received.length, { timeout: 20_000 }).toBe(60);
    expect(received).toEqual(numbers(60));
  });

  it('detects a gap and goes back', async () => {
    await publishNumbers(20);
    const consumer = await stream.orderedConsumer();
    const received: number[] = [];
    let stolen = 0;
    await using _ = consumer.consume(
      async (message) => {
        received.push(Number(message.text()));
        if (received.length > 1) return;
        // Another client pulls from its consumer: those messages never arrive here.
        const thief = await connected.jetstream.consumer(streamName, consumer.cachedInfo?.name ?? '');
        stolen = (await collect(thief.fetchNoWait(5))).length;
      },
      { maxMessages: 2 },
    );

    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(20);
    expect(stolen).toBe(5);
    expect(received).toEqual(numbers(20));
  });

  it('keeps buffered messages over a reset, for a slow handler', async () => {
    await publishNumbers(100);
    const consumer = await stream.orderedConsumer();
    const received: number[] = [];
    await using _ = consumer.consume(
      async (message) => {
        received.push(Number(message.text()));
        if (received.length === 5) await deleteCurrent(consumer);
        await connected.nc.flush();
      },
      // nats-server 2.9 does not report that there are no responders, so the deletion shows by missed heartbeats.
      { maxMessages: 20, expiry: 1_000, heartbeat: 500, onError: () => {} },
    );

    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(100);
    expect(received).toEqual(numbers(100));
  });

  it('stops after the given number of messages, even across resets', async () => {
    await publishNumbers(30);
    const consumer = await stream.orderedConsumer();
    const received: number[] = [];
    const consumption = consumer.consume(
      async (message) => {
        received.push(Number(message.text()));
        if (received.length === 3) await deleteCurrent(consumer);
      },
      { maxMessages: 4, stopAfter: 9, expiry: 1_000, heartbeat: 500, onError: () => {} },
    );

    expect(await consumption.closed).toBeUndefined();
    expect(received).toEqual(numbers(9));
  });

  it('drains', async () => {
    await publishNumbers(10);
    const consumer = await stream.orderedConsumer();
    const received: number[] = [];
    const consumption = consumer.consume((message) => void received.push(Number(message.text())));
    await expect.poll(() => received.length).toBe(10);

    await consumption.drain();
    await publishNumbers(1);

    expect(received).toEqual(numbers(10));
    // Its consumer is deleted.
    await expect.poll(async () => (await stream.info()).state.consumers).toBe(0);
  });

  it('ends when the connection is closed', async () => {
    const errors: Error[] = [];
    const consumer = await stream.orderedConsumer();
    const consumption = consumer.consume(() => {}, { onError: (error) => errors.push(error) });

    await connected.nc.close();

    expect(await consumption.closed).toBeInstanceOf(ConnectionClosedError);
    expect(errors).toHaveLength(1);
  });

  it('fails after maxResetAttempts', async () => {
    const consumer = await stream.orderedConsumer({ maxResetAttempts: 1 });
    const errors: Error[] = [];
    const consumption = consumer.consume(() => {}, { onError: (error) => errors.push(error) });
    await connected.nc.flush();

    await connected.jetstream.deleteStream(streamName);

    expect(await consumption.closed).toBeInstanceOf(StreamNotFoundError);
    expect(errors.at(-1)).toBeInstanceOf(StreamNotFoundError);
    stream = await connected.jetstream.createStream({ name: streamName });
  });

  describe('fetching', () => {
    it('continues where the last request ended', async () => {
      await publishNumbers(10);
      const consumer = await stream.orderedConsumer();

      const first = await collect(consumer.fetch(4));
      const second = await collect(consumer.fetchNoWait(4));
      const third = await consumer.next();
      const fourth = await collect(consumer.fetchBytes(1_000, { maxWait: 200 }));

      const all = [...first, ...second, ...(third ? [third] : []), ...fourth];
      expect(all.map((message) => Number(message.text()))).toEqual(numbers(10));
      expect(await consumer.next({ maxWait: 50 })).toBeUndefined();
    });

    it('survives the deletion of its consumer', async () => {
      await publishNumbers(4);
      const consumer = await stream.orderedConsumer();
      expect(await collect(consumer.fetch(2))).toHaveLength(2);

      await deleteCurrent(consumer);

      expect((await collect(consumer.fetch(2))).map((message) => message.text())).toEqual(['3', '4']);
    });

    it('reports that the stream was deleted', async () => {
      const consumer = await stream.orderedConsumer();
      await collect(consumer.fetchNoWait(1));
      await connected.jetstream.deleteStream(streamName);

      const batch = consumer.fetch(1);
      expect(await collect(batch)).toEqual([]);
      expect(batch.error).toBeInstanceOf(StreamNotFoundError);
      stream = await connected.jetstream.createStream({ name: streamName });
    });
  });

  it('rejects concurrent use', async () => {
    const consumer = await stream.orderedConsumer();
    const batch = consumer.fetch(1, { maxWait: 100 });
    expect(() => consumer.fetch(1)).toThrow(OrderedConsumerInUseError);
    await collect(batch);
    expect(() => consumer.consume(() => {})).toThrow(OrderedConsumerInUseError);

    const other = await stream.orderedConsumer();
    const consumption = other.consume(() => {});
    expect(() => other.messages()).toThrow(OrderedConsumerInUseError);
    expect(() => other.fetchNoWait(1)).toThrow('consume or messages was already called on it');
    await consumption.stop();
  });

  it('reads the configured messages', async () => {
    for (const subject of ['s.a', 's.b', 's.a', 's.b', 's.c'])
      await connected.jetstream.publish(subject, 'xyz');
    const read = async (config: Parameters<Stream['orderedConsumer']>[0]) => {
      const consumer = await stream.orderedConsumer(config);
      return (await collect(consumer.fetchNoWait(10))).map(({ metadata }) => metadata.streamSequence);
    };

    expect(await read({ filterSubjects: 's.a' })).toEqual([1, 3]);
    expect(await read({ deliverPolicy: 'last' })).toEqual([5]);
    expect(await read({ deliverPolicy: 'new' })).toEqual([]);
    expect(await read({ deliverPolicy: 'last_per_subject' })).toEqual([3, 4, 5]);
    expect(await read({ deliverPolicy: 'by_start_sequence', startSequence: 4 })).toEqual([4, 5]);
    expect(await read({ deliverPolicy: 'by_start_time', startTime: new Date(0) })).toEqual([1, 2, 3, 4, 5]);
    const headersOnly = await stream.orderedConsumer({
      headersOnly: true,
      namePrefix: 'mine',
      inactiveThreshold: 60_000,
    });
    expect((await headersOnly.next())?.headers?.get('Nats-Msg-Size')).toBe('3');
    expect(headersOnly.cachedInfo).toMatchObject({ name: 'mine_1', config: { inactiveThreshold: 60_000 } });
  });

  it('accepts several filters and metadata, from nats-server 2.10 on', async () => {
    for (const subject of ['s.a', 's.b', 's.c']) await connected.jetstream.publish(subject);
    const making = stream.orderedConsumer({ filterSubjects: ['s.a', 's.c'], metadata: { by: 'test' } });

    const outcome: unknown = await making
      .then(async (consumer) => [
        (await collect(consumer.fetchNoWait(5))).map(({ subject }) => subject),
        consumer.cachedInfo?.config.metadata?.by,
      ])
      .catch((error: unknown) => error);

    const refusal = expect.any(UnsupportedServerFeatureError) as unknown;
    expect(outcome).toEqual(version === '2.9' ? refusal : [['s.a', 's.c'], 'test']);
  });

  it('rejects invalid options', async () => {
    await expect(connected.jetstream.orderedConsumer('NONE')).rejects.toThrow(StreamNotFoundError);
    await expect(stream.orderedConsumer({ startSequence: 5 })).rejects.toThrow(InvalidArgumentError);
    await expect(stream.orderedConsumer({ maxResetAttempts: 0 })).rejects.toThrow(InvalidArgumentError);
    const consumer = await stream.orderedConsumer();
    expect(() => consumer.consume(() => {}, { maxMessages: 0 })).toThrow(InvalidArgumentError);
    expect(() => consumer.fetch(0)).toThrow(InvalidArgumentError);
  });
});

it('an ordered consumer detects a silent server, and continues', async () => {
  await using server = await NatsTestServer.start();
  await using connected = await ConnectedJetStream.connect(server.url);
  const stream = await connected.jetstream.createStream({ name: streamName, subjects: ['s'] });
  const consumer = await stream.orderedConsumer();
  const first = consumer.cachedInfo?.name;
  const errors: Error[] = [];
  const received: string[] = [];
  await using _ = consumer.consume((message) => void received.push(message.text()), {
    expiry: 1_000,
    heartbeat: 500,
    onError: (error) => errors.push(error),
  });
  await connected.nc.flush();

  server.pause();
  try {
    await expect.poll(() => errors.length, { timeout: 5_000 }).toBeGreaterThan(0);
  } finally {
    server.resume();
  }
  await connected.jetstream.publish('s', 'after');

  await expect.poll(() => received, { timeout: 10_000 }).toEqual(['after']);
  expect(errors[0].name).toBe('NoHeartbeatError');
  expect(consumer.cachedInfo?.name).not.toBe(first);
});
