import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ConnectionClosedError,
  ConsumerAlreadyConsumingError,
  ConsumerDeletedError,
  NoHeartbeatError,
} from '../../../lib/errors/index.js';
import type { PushConsumer, PushConsumerConfig, Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { ConnectedJetStream, uniqueName, startServer } from '../streams/connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('push consume on nats-server %s', (version) => {
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

  function create(config: Partial<PushConsumerConfig> = {}): Promise<PushConsumer> {
    return stream.createPushConsumer({ durable: 'p', deliverSubject: 'deliver.p', ...config });
  }

  async function publishNumbers(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) connected.nc.publish('s.a', String(i));
    await connected.nc.flush();
  }

  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

  it('delivers every message in order', async () => {
    const consumer = await create();
    await publishNumbers(500);
    const received: number[] = [];

    await using _ = consumer.consume((message) => {
      received.push(Number(message.text()));
      message.ack();
    });
    await expect.poll(() => received.length).toBe(500);

    expect(received).toEqual(numbers(500));
    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(0);
    expect(consumer.cachedInfo.pushBound).toBe(true);
  });

  it('awaits an asynchronous handler, and answers flow control only after it', async () => {
    const consumer = await create({ flowControl: true, idleHeartbeat: 500, ackPolicy: 'none' });
    // Flow control requests a reply at half of its first window of 64 KiB or more.
    const total = 600;
    for (let i = 1; i <= total; i++) connected.nc.publish('s.a', new Uint8Array(4_096).fill(i));
    await connected.nc.flush();
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let received = 0;

    await using _ = consumer.consume(() => {
      received++;
      return held;
    });
    await expect.poll(async () => (await consumer.info()).delivered.consumerSequence).toBeGreaterThan(0);
    await expect.poll(async () => stalled(await consumer.info())).toBe(true);
    const underWay = (await consumer.info()).delivered.consumerSequence;
    expect(underWay).toBeLessThan(total);
    expect(received).toBe(1);

    release();
    await expect.poll(() => received, { timeout: 10_000 }).toBe(total);
  });

  let last = -1;
  /** Whether the server has stopped delivering: no new message between two checks. */
  function stalled({ delivered }: { readonly delivered: { readonly consumerSequence: number } }): boolean {
    const unchanged = delivered.consumerSequence === last;
    last = delivered.consumerSequence;
    return unchanged;
  }

  it('shares the messages of a queue group', async () => {
    const consumer = await create({ deliverGroup: 'workers' });
    const other = await connected.jetstream.pushConsumer(streamName, 'p');
    const received: [number, number] = [0, 0];

    const one = consumer.consume(() => void received[0]++);
    const two = other.consume(() => void received[1]++);
    await publishNumbers(200);
    await expect.poll(() => received[0] + received[1]).toBe(200);
    await Promise.all([one.stop(), two.stop()]);

    expect(Math.min(...received)).toBeGreaterThan(0);
  });

  it('continues after a handler that throws, and reports the error', async () => {
    const consumer = await create();
    const onError = vi.fn<(error: Error) => void>();
    await publishNumbers(2);

    await using _ = consumer.consume(
      (message) => {
        if (message.text() === '1') throw new Error('no good');
        return Promise.reject(new Error('no better'));
      },
      { onError },
    );
    await expect.poll(() => onError.mock.calls.length).toBe(2);

    expect(onError.mock.calls).toEqual([[new Error('no good')], [new Error('no better')]]);
  });

  it('consumes once at a time for each handle', async () => {
    const consumer = await create();
    const consumption = consumer.consume(() => {});

    expect(() => consumer.consume(() => {})).toThrow(ConsumerAlreadyConsumingError);
    await consumption.stop();
    expect(await consumption.closed).toBeUndefined();
    const again = consumer.consume(() => {});
    await again.stop();
  });

  it('drains the messages that were already delivered', async () => {
    const consumer = await create();
    await publishNumbers(20);
    const received: number[] = [];
    const consumption = consumer.consume(async (message) => {
      await Promise.resolve();
      received.push(Number(message.text()));
    });
    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(20);

    await consumption.drain();
    expect(received).toEqual(numbers(20));
    await publishNumbers(1);
    expect(received).toHaveLength(20);
  });

  it.runIf(version === '2.15')(
    'does not mistake an idle server for a silent one, and reports a silent one',
    async () => {
      const consumer = await create({ idleHeartbeat: 200 });
      const errors: Error[] = [];
      const received: string[] = [];
      await using _ = consumer.consume((message) => void received.push(message.text()), {
        onError: (error) => errors.push(error),
      });
      const { inMsgs } = connected.nc.stats();
      await expect.poll(() => connected.nc.stats().inMsgs - inMsgs, { timeout: 5_000 }).toBeGreaterThan(4);
      expect(errors).toEqual([]);

      server.pause();
      try {
        await expect.poll(() => errors.length, { timeout: 5_000 }).toBeGreaterThan(0);
      } finally {
        server.resume();
      }
      await publishNumbers(1);
      await expect.poll(() => received).toEqual(['1']);

      expect(errors[0]).toBeInstanceOf(NoHeartbeatError);
      expect(errors[0]).toMatchObject({ consumer: 'p', heartbeat: 200 });
    },
  );

  it('ends when the consumer is deleted, and reports it', async () => {
    const consumer = await create({ idleHeartbeat: 100 });
    const errors: Error[] = [];
    const consumption = consumer.consume(() => {}, { onError: (error) => errors.push(error) });
    await connected.nc.flush();

    await stream.deleteConsumer('p');

    expect(await consumption.closed).toBeInstanceOf(ConsumerDeletedError);
    // The server sends no notice that a push consumer is deleted; only its heartbeats stop.
    expect(errors.map(({ name }) => name)).toEqual(['NoHeartbeatError', 'ConsumerDeletedError']);
  });

  it('ends when the connection is closed, and reports it', async () => {
    const consumer = await create();
    const onError = vi.fn<(error: Error) => void>();
    const consumption = consumer.consume(() => {}, { onError });

    await connected.nc.close();

    expect(await consumption.closed).toBeInstanceOf(ConnectionClosedError);
    expect(onError).toHaveBeenCalledTimes(1);
    expect(() => consumer.consume(() => {})).toThrow(ConnectionClosedError);
  });

  it('continues after a server restart', async () => {
    const consumer = await create({ idleHeartbeat: 500 });
    const received = new Set<string>();
    await using _ = consumer.consume(
      (message) => {
        received.add(message.text());
        message.ack();
      },
      { onError: () => {} },
    );
    await connected.nc.flush();

    await server.restart();
    await connected.jetstream.publish('s.a', 'after');

    await expect.poll(() => received.has('after'), { timeout: 10_000 }).toBe(true);
  });
});
