import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  InvalidArgumentError,
  IteratorClosedError,
  NoHeartbeatError,
} from '../../../lib/errors/index.js';
import type { Consumer, Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { ConnectedJetStream, uniqueName, startServer } from '../streams/connected-jetstream.js';
import { pullRequests } from './pull-requests.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('messages on nats-server %s', (version) => {
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

  describe('with for await', () => {
    it('arrive in order, including later ones, and end when stopped', async () => {
      await publishNumbers(1_200);
      const messages = consumer.messages();
      const received: number[] = [];

      for await (const message of messages) {
        received.push(Number(message.text()));
        message.ack();
        if (received.length === 1_200) await publishNumbers(1);
        if (received.length === 1_201) await messages.stop();
      }

      expect(received.slice(0, 1_200)).toEqual(numbers(1_200));
      expect(await messages.closed).toBeUndefined();
    });

    it('stop when the loop is left', async () => {
      await publishNumbers(3);
      const messages = consumer.messages();

      for await (const message of messages) if (message.text() === '2') break;

      expect(await messages.closed).toBeUndefined();
      await expect(messages.next()).rejects.toThrow(IteratorClosedError);
    });

    it('stop when the loop throws', async () => {
      await publishNumbers(3);
      const messages = consumer.messages();
      const looping = async () => {
        for await (const message of messages) throw new Error(`no good: ${message.text()}`);
      };

      await expect(looping()).rejects.toThrow('no good: 1');
      expect(await messages.closed).toBeUndefined();
    });

    it('throw once when the consumer is deleted, after earlier messages', async () => {
      await publishNumbers(2);
      const messages = consumer.messages();
      const received: string[] = [];
      const looping = async () => {
        for await (const message of messages) {
          received.push(message.text());
          if (received.length === 1) await stream.deleteConsumer('d');
        }
      };

      await expect(looping()).rejects.toThrow(ConsumerDeletedError);
      expect(received).toEqual(['1', '2']);
      expect(await messages.closed).toBeInstanceOf(ConsumerDeletedError);
    });

    it.runIf(version === '2.15')('throw when heartbeats are missed, and stop', async () => {
      const messages = consumer.messages({ expiry: 1_000, heartbeat: 500 });
      const looping = async () => {
        for await (const message of messages) message.ack();
      };
      const failure = looping().catch((error: unknown) => error);
      await connected.nc.flush();

      server.pause();
      try {
        expect(await failure).toBeInstanceOf(NoHeartbeatError);
      } finally {
        server.resume();
      }
      expect(await messages.closed).toBeUndefined();
    });

    it.runIf(version === '2.15')('ignore missed heartbeats if errorOnMissingHeartbeat is false', async () => {
      const errors: Error[] = [];
      await using messages = consumer.messages({
        expiry: 1_000,
        heartbeat: 500,
        errorOnMissingHeartbeat: false,
        onError: (error) => errors.push(error),
      });
      const next = messages.next();
      await connected.nc.flush();

      server.pause();
      try {
        await expect.poll(() => errors.length, { timeout: 5_000 }).toBeGreaterThan(0);
      } finally {
        server.resume();
      }
      await publishNumbers(1);

      expect((await next).text()).toBe('1');
      expect(errors[0]).toBeInstanceOf(NoHeartbeatError);
    });
  });

  describe('with next()', () => {
    it('arrive one by one', async () => {
      await publishNumbers(2);
      await using messages = consumer.messages();

      expect((await messages.next()).text()).toBe('1');
      expect((await messages.next()).text()).toBe('2');
      const third = messages.next();
      await connected.jetstream.publish('s.a', 'third');
      expect((await third).text()).toBe('third');
    });

    it('are each delivered to one of several workers', async () => {
      await publishNumbers(200);
      const messages = consumer.messages({ maxMessages: 1 });
      const received: number[][] = [[], [], [], []];
      const work = received.map(async (mine) => {
        for (;;) {
          const message = await messages.next();
          mine.push(Number(message.text()));
          message.ack();
          await connected.nc.flush();
          if (received.flat().length === 200) await messages.stop();
        }
      });

      for (const worker of work) await expect(worker).rejects.toThrow(IteratorClosedError);

      expect(received.flat().toSorted((a, b) => a - b)).toEqual(numbers(200));
      expect(received.filter((mine) => mine.length > 0).length).toBeGreaterThan(1);
    });

    it('return nothing after maxWait, without losing messages', async () => {
      await using messages = consumer.messages();

      expect(await messages.next({ maxWait: 20 })).toBeUndefined();
      await publishNumbers(1);
      expect((await messages.next({ maxWait: 5_000 }))?.text()).toBe('1');
    });

    it('stop waiting on a signal, without losing messages', async () => {
      await using messages = consumer.messages();
      const abort = new AbortController();
      const next = messages.next({ signal: abort.signal });

      abort.abort(new Error('enough'));

      await expect(next).rejects.toThrow('enough');
      await expect(messages.next({ signal: abort.signal })).rejects.toThrow('enough');
      await publishNumbers(1);
      expect((await messages.next()).text()).toBe('1');
    });

    it.runIf(version === '2.15')(
      'reject when heartbeats are missed, and can be requested again',
      async () => {
        await using messages = consumer.messages({ expiry: 1_000, heartbeat: 500 });
        const failures = [messages.next(), messages.next()].map((next) =>
          next.catch((error: unknown) => error),
        );
        await connected.nc.flush();

        server.pause();
        try {
          for (const failure of failures) expect(await failure).toBeInstanceOf(NoHeartbeatError);
        } finally {
          server.resume();
        }
        await publishNumbers(1);
        expect((await messages.next()).text()).toBe('1');
      },
    );

    it('reject with the cause once, then with IteratorClosedError', async () => {
      const messages = consumer.messages();
      const failure = messages.next().catch((error: unknown) => error);
      await connected.nc.flush();

      await stream.deleteConsumer('d');

      expect(await failure).toBeInstanceOf(ConsumerDeletedError);
      const closed = messages.next();
      await expect(closed).rejects.toThrow(IteratorClosedError);
      await expect(closed).rejects.toMatchObject({
        stream: streamName,
        consumer: 'd',
        cause: { name: 'ConsumerDeletedError' },
      });
    });

    it('reject when the connection is closed', async () => {
      const messages = consumer.messages();
      const failure = messages.next().catch((error: unknown) => error);

      await connected.nc.close();

      expect(await failure).toBeInstanceOf(ConnectionClosedError);
      expect(() => consumer.messages()).toThrow(ConnectionClosedError);
    });
  });

  it.skipIf(version === '2.10')('end if the consumer was deleted while nothing was requested', async () => {
    await publishNumbers(2);
    const messages = consumer.messages({
      maxMessages: 2,
      thresholdMessages: 1,
      expiry: 1_000,
      heartbeat: 500,
      errorOnMissingHeartbeat: false,
      onError: () => {},
    });
    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(2);
    await stream.deleteConsumer('d');

    const received: string[] = [];
    const looping = async () => {
      for await (const message of messages) received.push(message.text());
    };
    await expect(looping()).rejects.toThrow(ConsumerDeletedError);
    expect(received).toEqual(['1', '2']);
  });

  it('stop at once: buffered messages are redelivered', async () => {
    const short = await stream.createConsumer({ name: 'short', ackWait: 300 });
    await publishNumbers(5);
    const messages = short.messages();
    expect((await messages.next()).text()).toBe('1');

    await messages.stop();

    await expect(messages.next()).rejects.toThrow(IteratorClosedError);
    expect((await short.next({ maxWait: 5_000 }))?.metadata.deliveryCount).toBe(2);
  });

  it('drain: delivered messages can still be read', async () => {
    await publishNumbers(5);
    const messages = consumer.messages();
    const received = [(await messages.next()).text()];
    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(5);

    await messages.drain();
    for await (const message of messages) received.push(message.text());

    expect(received).toEqual(['1', '2', '3', '4', '5']);
    await expect(messages.next()).rejects.toThrow(IteratorClosedError);
    await publishNumbers(1);
    expect((await consumer.next())?.text()).toBe('1');
  });

  it('stop after the given number, and request no more', async () => {
    await publishNumbers(30);
    const requests = await pullRequests(connected.nc, streamName, 'd');
    const received: number[] = [];

    for await (const message of consumer.messages({ maxMessages: 5, stopAfter: 12 })) {
      received.push(Number(message.text()));
    }

    expect(received).toEqual(numbers(12));
    expect((await requests.stop()).reduce((sum, { batch }) => sum + batch, 0)).toBe(12);
  });

  it('with maxMessages 1 request a message only when next() is called', async () => {
    await publishNumbers(3);
    const requests = await pullRequests(connected.nc, streamName, 'd');
    await using messages = consumer.messages({ maxMessages: 1 });
    await using idle = consumer.messages({ maxMessages: 1 });
    const taken = [await messages.next(), await idle.next(), await idle.next()];

    expect(taken.map((message) => message.text())).toEqual(['1', '2', '3']);
    expect((await consumer.info()).numAckPending).toBe(3);
    expect(await requests.stop()).toMatchObject([{ batch: 1 }, { batch: 1 }, { batch: 1 }]);
  });

  it('with maxMessages 1 are delivered to all waiting workers', async () => {
    await using messages = consumer.messages({ maxMessages: 1 });
    const waiting = [messages.next(), messages.next(), messages.next()];
    await publishNumbers(5);

    expect((await Promise.all(waiting)).map((message) => message.text())).toEqual(['1', '2', '3']);
    expect((await consumer.info()).numAckPending).toBe(3);
  });

  it('never buffer more than maxMessages', async () => {
    await publishNumbers(50);
    await using messages = consumer.messages({ maxMessages: 10 });
    await messages.next();

    await expect.poll(async () => (await consumer.info()).numAckPending).toBe(10);
    for (let i = 0; i < 8; i++) await messages.next();
    await expect.poll(async () => (await consumer.info()).numAckPending).toBeGreaterThan(10);
    expect((await consumer.info()).numAckPending).toBeLessThanOrEqual(19);
  });

  it('continue after a server restart', async () => {
    await using messages = consumer.messages({ errorOnMissingHeartbeat: false, onError: () => {} });
    await publishNumbers(1);
    const first = await messages.next();
    first.ack();
    await connected.nc.flush();

    await server.restart();
    await connected.jetstream.publish('s.a', 'after');

    let text = (await messages.next()).text();
    // The acknowledgement may have been lost in the restart.
    if (text === '1') text = (await messages.next()).text();
    expect(text).toBe('after');
  });

  it('reject invalid options', () => {
    expect(() => consumer.messages({ maxMessages: -1 })).toThrow(InvalidArgumentError);
    expect(() => consumer.messages({ expiry: 10 })).toThrow(InvalidArgumentError);
    expect(() => consumer.messages({ stopAfter: 0.5 })).toThrow(InvalidArgumentError);
  });
});
