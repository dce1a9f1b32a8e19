import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  InvalidArgumentError,
  NoHeartbeatError,
} from '../../../lib/errors/index.js';
import type { Consumer, JetStreamMessage, PullOptions, Stream } from '../../../lib/jetstream/index.js';
import { NatsTestCluster, NatsTestServer } from '../../../lib/testing/index.js';
import { ConnectedJetStream, uniqueName, startServer } from '../streams/connected-jetstream.js';
import { pullRequests } from './pull-requests.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('consume on nats-server %s', (version) => {
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
    stream = await connected.jetstream.createStream({ name: streamName, subjects: ['s.>'] });
    consumer = await stream.createConsumer({ durable: 'd' });
  });
  afterEach(async () => {
    await connected[Symbol.asyncDispose]();
    await using cleaner = await ConnectedJetStream.connect(server.url);
    await cleaner.jetstream.deleteStream(streamName);
  });

  async function publishNumbers(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) connected.nc.publish('s.a', String(i));
    await connected.nc.flush();
  }

  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

  it('delivers every message in order, including later ones', async () => {
    await publishNumbers(700);
    const received: number[] = [];

    await using _ = consumer.consume((message) => {
      received.push(Number(message.text()));
      message.ack();
    });
    await expect.poll(() => received.length).toBe(700);
    await publishNumbers(1);
    await expect.poll(() => received.length).toBe(701);

    expect(received.slice(0, 700)).toEqual(numbers(700));
    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(0);
  });

  it('awaits an asynchronous handler before the next message', async () => {
    await publishNumbers(20);
    const events: string[] = [];

    await using _ = consumer.consume(async (message) => {
      events.push(`start ${message.text()}`);
      await connected.nc.flush();
      events.push(`end ${message.text()}`);
    });
    await expect.poll(() => events.length).toBe(40);

    expect(events).toEqual(numbers(20).flatMap((n) => [`start ${n}`, `end ${n}`]));
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no good');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no good'))],
  ])('continues after a handler that %s, and reports it', async (_how, handler: () => Promise<void>) => {
    await publishNumbers(3);
    const onError = vi.fn<(error: Error) => void>();
    let received = 0;

    await using _ = consumer.consume(
      () => {
        received++;
        return handler();
      },
      { onError },
    );
    await expect.poll(() => received).toBe(3);

    expect(onError).toHaveBeenCalledTimes(3);
    expect(onError).toHaveBeenCalledWith(new Error('no good'));
  });

  it('stops at once, and unhandled messages are redelivered', async () => {
    const short = await stream.createConsumer({ name: 'short', ackWait: 300 });
    await publishNumbers(10);
    const received: string[] = [];
    const consumption = short.consume(async (message) => {
      received.push(message.text());
      message.ack();
      if (message.text() === '3') void consumption.stop();
      await connected.nc.flush();
    });

    expect(await consumption.closed).toBeUndefined();
    expect(received).toEqual(['1', '2', '3']);
    const next = await short.next({ maxWait: 5_000 });
    expect(next?.metadata.deliveryCount).toBe(2);
  });

  it('drains: handles only the messages that were already delivered', async () => {
    await publishNumbers(50);
    const received: number[] = [];
    const consumption = consumer.consume(async (message) => {
      received.push(Number(message.text()));
      await connected.nc.flush();
    });
    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(50);

    await consumption.drain();
    expect(await consumption.closed).toBeUndefined();
    expect(received).toEqual(numbers(50));
    await publishNumbers(1);
    expect((await consumer.next())?.text()).toBe('1');
    expect(received).toHaveLength(50);
  });

  it('stops after the given number of messages, and requests no more', async () => {
    await publishNumbers(30);
    const requests = await pullRequests(connected.nc, streamName, 'd');
    const received: number[] = [];

    const consumption = consumer.consume((message) => void received.push(Number(message.text())), {
      maxMessages: 5,
      stopAfter: 12,
    });

    expect(await consumption.closed).toBeUndefined();
    expect(received).toEqual(numbers(12));
    const asked = await requests.stop();
    expect(asked.reduce((sum, { batch }) => sum + batch, 0)).toBe(12);
    expect((await consumer.info()).numAckPending).toBe(12);
  });

  it('requests 500 messages for 30 s with a heartbeat of 15 s by default, and more at half', async () => {
    const requests = await pullRequests(connected.nc, streamName, 'd');
    let received = 0;
    await using _ = consumer.consume(() => void received++);
    await publishNumbers(251);
    await expect.poll(() => received).toBe(251);

    expect(await requests.stop()).toEqual([
      { batch: 500, expires: 30_000_000_000, idle_heartbeat: 15_000_000_000 },
      { batch: 251, expires: 30_000_000_000, idle_heartbeat: 15_000_000_000 },
    ]);
  });

  it('requests with the given options', async () => {
    const requests = await pullRequests(connected.nc, streamName, 'd');
    let received = 0;
    await using _ = consumer.consume(() => void received++, {
      maxMessages: 10,
      thresholdMessages: 8,
      expiry: 60_000,
      heartbeat: 5_000,
    });
    await publishNumbers(3);
    await expect.poll(() => received).toBe(3);

    expect(await requests.stop()).toEqual([
      { batch: 10, expires: 60_000_000_000, idle_heartbeat: 5_000_000_000 },
      { batch: 3, expires: 60_000_000_000, idle_heartbeat: 5_000_000_000 },
    ]);
  });

  it('caps the default heartbeat at 30 s', async () => {
    const requests = await pullRequests(connected.nc, streamName, 'd');
    await using _ = consumer.consume(() => {}, { expiry: 120_000 });

    await connected.nc.flush();
    expect(await requests.stop()).toMatchObject([{ idle_heartbeat: 30_000_000_000 }]);
  });

  it('requests by bytes', async () => {
    await connected.publish('s.a', 40, new Uint8Array(1_000));
    const requests = await pullRequests(connected.nc, streamName, 'd');
    let received = 0;
    await using _ = consumer.consume(() => void received++, { maxBytes: 10_000, thresholdBytes: 6_000 });
    await expect.poll(() => received).toBe(40);

    const asked = await requests.stop();
    expect(asked[0]).toMatchObject({ batch: 1_000_000, max_bytes: 10_000 });
    expect(asked.length).toBeGreaterThan(4);
    expect(asked.every(({ max_bytes: bytes = 0 }) => bytes > 0 && bytes <= 10_000)).toBe(true);
  });

  it('requests by messages, with a limit of bytes for each request', async () => {
    await connected.publish('s.a', 20, new Uint8Array(1_000));
    const requests = await pullRequests(connected.nc, streamName, 'd');
    let received = 0;
    await using _ = consumer.consume(() => void received++, {
      maxMessagesWithBytesLimit: { messages: 10, bytes: 5_000 },
    });
    await expect.poll(() => received).toBe(20);

    const asked = await requests.stop();
    expect(asked[0]).toMatchObject({ batch: 10, max_bytes: 5_000 });
    expect(asked.every(({ max_bytes: bytes }) => bytes === 5_000)).toBe(true);
  });

  it('never exceeds maxMessages', async () => {
    await publishNumbers(100);
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await using _ = consumer.consume(() => held, { maxMessages: 10 });

    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(10);
    await connected.nc.flush();
    expect((await consumer.info()).numAckPending).toBe(10);
    release();
    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(100);
  });

  it('ends when the consumer is deleted, and reports it', async () => {
    const onError = vi.fn<(error: Error) => void>();
    const consumption = consumer.consume(() => {}, { onError });
    await connected.nc.flush();

    await stream.deleteConsumer('d');

    expect(await consumption.closed).toBeInstanceOf(ConsumerDeletedError);
    expect(onError).toHaveBeenCalledTimes(1);
    expect(onError.mock.calls[0][0].message).toContain(`Consumer "d" of stream "${streamName}" was deleted`);
  });

  it('ends when the connection is closed, and reports it', async () => {
    const onError = vi.fn<(error: Error) => void>();
    const consumption = consumer.consume(() => {}, { onError });

    await connected.nc.close();

    expect(await consumption.closed).toBeInstanceOf(ConnectionClosedError);
    expect(onError).toHaveBeenCalledTimes(1);
    expect(() => consumer.consume(() => {})).toThrow(ConnectionClosedError);
  });

  it.runIf(version === '2.15')('detects and reports missed heartbeats, and continues', async () => {
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
    await publishNumbers(1);
    await expect.poll(() => received).toEqual(['1']);

    expect(errors[0]).toBeInstanceOf(NoHeartbeatError);
    expect(errors[0]).toMatchObject({ stream: streamName, consumer: 'd', heartbeat: 500 });
  });

  it('continues after a server restart', async () => {
    const received = new Set<string>();
    await using _ = consumer.consume(
      (message) => {
        received.add(message.text());
        message.ack();
      },
      { onError: () => {} },
    );
    await publishNumbers(3);
    await expect.poll(() => received.size).toBe(3);

    await server.restart();
    await connected.jetstream.publish('s.a', 'after');

    await expect.poll(() => received.has('after'), { timeout: 10_000 }).toBe(true);
  });

  it.each<[string, PullOptions, string]>([
    ['no messages', { maxMessages: 0 }, 'maxMessages'],
    ['half a message', { maxMessages: 1.5 }, 'maxMessages'],
    ['messages and bytes', { maxMessages: 1, maxBytes: 1 } as unknown as PullOptions, 'maxBytes'],
    ['a threshold above the size', { maxMessages: 5, thresholdMessages: 6 }, 'thresholdMessages'],
    ['a threshold of bytes above the size', { maxBytes: 5, thresholdBytes: 6 }, 'thresholdBytes'],
    ['a short expiry', { expiry: 999 }, 'expiry'],
    ['a heartbeat longer than half the expiry', { expiry: 2_000, heartbeat: 1_001 }, 'heartbeat'],
    ['a short heartbeat', { heartbeat: 499 }, 'heartbeat'],
    ['stopping before the first', { stopAfter: 0 }, 'stopAfter'],
    [
      'a group that the consumer does not have',
      { priorityGroup: version === '2.15' ? 'g' : undefined, minPending: version === '2.15' ? undefined : 0 },
      version === '2.15' ? 'priorityGroup' : 'minPending',
    ],
  ])('rejects %s before anything is sent', (_, options, argument) => {
    const before = connected.nc.stats().outMsgs;

    const attempt = () => consumer.consume(() => {}, options);

    expect(attempt).toThrow(InvalidArgumentError);
    expect(attempt).toThrow(expect.objectContaining({ argument }) as Error);
    expect(connected.nc.stats().outMsgs).toBe(before);
  });

  it('respects the limits of the consumer for one request', async () => {
    const limited = await stream.createConsumer({ name: 'l', maxRequestBatch: 20, maxRequestExpires: 5_000 });
    const requests = await pullRequests(connected.nc, streamName, 'l');
    await publishNumbers(50);
    const received: JetStreamMessage[] = [];

    await using _ = limited.consume((message) => void received.push(message));
    await expect.poll(() => received.length).toBe(50);

    expect((await requests.stop())[0]).toMatchObject({ batch: 20, expires: 5_000_000_000 });
    expect(() => limited.consume(() => {}, { maxMessages: 21 })).toThrow('the consumer allows 20');
  });
});

describe('consume in a cluster', () => {
  it('continues after a change of leader', async () => {
    await using cluster = await NatsTestCluster.start(3);
    await using connected = await ConnectedJetStream.connect(cluster.urls, { timeout: 20_000 });
    const { jetstream, nc } = connected;
    const stream = await jetstream.createStream({ name: streamName, subjects: ['s.>'], replicas: 3 });
    const consumer = await stream.createConsumer({ durable: 'd' });
    const received: number[] = [];
    const errors: Error[] = [];
    await using _ = consumer.consume(
      (message) => {
        received.push(message.metadata.streamSequence);
        message.ack();
      },
      { onError: (error) => errors.push(error), expiry: 2_000 },
    );
    await connected.publish('s.a', 5);
    await expect.poll(() => received.length).toBe(5);

    await nc.request(`$JS.API.CONSUMER.LEADER.STEPDOWN.${streamName}.d`);
    await expect
      .poll(() => errors.map(({ message }) => message).join(), { timeout: 10_000 })
      .toMatch(/leadership change/i);
    await connected.publish('s.a', 5);

    await expect.poll(() => new Set(received).size, { timeout: 10_000 }).toBe(10);
  });
});
