import { Logger } from '@nestjs/common';
import { headers } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionClosedError, ConsumerDeletedError, NoHeartbeatError } from '../../../lib/errors/index.js';
import type { Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { collect, ConnectedJetStream, startServer, uniqueName } from '../streams/connected-jetstream.js';
import { pullRequests } from './pull-requests.js';

let server: NatsTestServer;
let connected: ConnectedJetStream;
let stream: Stream;
let name = '';

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  name = uniqueName();
  connected = await ConnectedJetStream.connect(server.url);
  const config = { name, subjects: [`${name}.>`], storage: 'memory' } as const;
  stream = await connected.jetstream.createStream(config);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await connected[Symbol.asyncDispose]();
});

const publish = (count: number, data?: Uint8Array): Promise<void> =>
  connected.publish(`${name}.a`, count, data);

describe('a consumer whose request limits are lowered while it is read', () => {
  const limits = [
    ['maxRequestBatch', { maxRequestBatch: 5 }],
    ['maxRequestExpires', { maxRequestExpires: 1_000 }],
    ["maxRequestExpires, in Go's longer form", { maxRequestExpires: 61_500 }],
  ] as const;

  it.each(limits)('is still consumed: %s', async (_, limit) => {
    const consumer = await stream.createConsumer({ durable: 'd' });
    await stream.updateConsumer({ durable: 'd', ...limit });
    const onError = vi.fn<(error: Error) => void>();
    let count = 0;
    await using _c = consumer.consume(
      (message) => {
        count++;
        message.ack();
      },
      { onError, expiry: 120_000 },
    );
    await publish(50);
    await expect.poll(() => count).toBe(50);
    expect(onError).not.toHaveBeenCalled();
  });

  it.each(limits)('is fetched from, with next() too: %s', async (_, limit) => {
    const consumer = await stream.createConsumer({ durable: 'd' });
    await stream.updateConsumer({ durable: 'd', ...limit });
    await publish(21);
    const batch = consumer.fetch(20, { maxWait: 100_000 });
    expect((await collect(batch)).length).toBe(20);
    expect(batch.error).toBeUndefined();
    expect((await consumer.next({ maxWait: 100_000 }))?.subject).toBe(`${name}.a`);
  });

  it('is awaited for the whole maxWait, although one request may only wait for a part of it', async () => {
    const consumer = await stream.createConsumer({ durable: 'd', maxRequestExpires: 2_000 });
    await stream.updateConsumer({ durable: 'd', maxRequestExpires: 300 });
    const waiting = consumer.next({ maxWait: 2_000 });
    setTimeout(() => connected.nc.publish(`${name}.a`, 'late'), 1_000);
    expect((await waiting)?.text()).toBe('late');
  });

  it('is read by bytes', async () => {
    const consumer = await stream.createConsumer({ durable: 'd' });
    await stream.updateConsumer({ durable: 'd', maxRequestMaxBytes: 10_000 });
    await publish(40, new Uint8Array(1_000));
    let count = 0;
    const onError = vi.fn<(error: Error) => void>();
    await using _c = consumer.consume(
      (message) => {
        count++;
        message.ack();
      },
      { maxBytes: 100_000, onError },
    );
    await expect.poll(() => count).toBe(40);
    expect(onError).not.toHaveBeenCalled();
  });
});

describe('byte limits near the size of the messages', () => {
  it.each([
    ['handled at once', () => undefined],
    ['handled later', () => new Promise((resolve) => setTimeout(resolve, 2))],
  ])('cause no delay and no errors: %s', async (_, work) => {
    await publish(40, new Uint8Array(400_000));
    const consumer = await stream.createConsumer({ durable: 'd' });
    const onError = vi.fn<(error: Error) => void>();
    let count = 0;
    const start = performance.now();
    await using _c = consumer.consume(
      async (message) => {
        await work();
        count++;
        message.ack();
      },
      { maxBytes: 1_000_000, onError },
    );
    await expect.poll(() => count, { interval: 5, timeout: 10_000 }).toBe(40);
    // With the bug this took 5 s, mostly waiting; on an idle machine it takes less than 100 ms.
    expect(performance.now() - start).toBeLessThan(3_000);
    expect(onError).not.toHaveBeenCalled();
  });

  it('do not make a slow handler send many requests', async () => {
    await publish(1, new Uint8Array(450_000));
    await publish(1, new Uint8Array(600_000));
    const consumer = await stream.createConsumer({ durable: 'd' });
    const requests = await pullRequests(connected.nc, name, 'd');
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let count = 0;
    await using _c = consumer.consume(
      async (message) => {
        count++;
        await gate;
        message.ack();
      },
      { maxBytes: 1_000_000 },
    );
    await expect.poll(() => count).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    open();
    await expect.poll(() => count).toBe(2);
    expect((await requests.stop()).length).toBeLessThan(8);
  });
});

describe('missed heartbeats', () => {
  it.each([
    [
      'consume',
      500,
      async (heard: (error: Error) => void) => {
        const consumer = await stream.createConsumer({ durable: 'd' });
        const started = performance.now();
        consumer.consume(() => undefined, { expiry: 1_000, heartbeat: 500, onError: heard });
        return started;
      },
    ],
    [
      'fetch',
      300,
      async (heard: (error: Error) => void) => {
        const consumer = await stream.createConsumer({ durable: 'd' });
        const started = performance.now();
        const batch = consumer.fetch(1, { maxWait: 5_000, heartbeat: 300 });
        void collect(batch).then(() => batch.error && heard(batch.error));
        return started;
      },
    ],
    [
      'a push consumer',
      300,
      async (heard: (error: Error) => void) => {
        const config = { durable: 'd', deliverSubject: `deliver.${name}`, idleHeartbeat: 300 };
        const consumer = await stream.createPushConsumer(config);
        const started = performance.now();
        consumer.consume(() => undefined, { onError: heard });
        return started;
      },
    ],
  ] as const)('are noticed after two intervals: %s', async (_, heartbeat, begin) => {
    let noticed = (_error: Error): void => undefined;
    const silence = new Promise<Error>((resolve) => (noticed = resolve));
    const started = await begin((error) => noticed(error));
    process.kill(server.pid ?? 0, 'SIGSTOP');
    try {
      expect(await silence).toBeInstanceOf(NoHeartbeatError);
      const took = performance.now() - started;
      expect(took).toBeGreaterThan(1.9 * heartbeat);
      expect(took).toBeLessThan(2.9 * heartbeat + 150);
    } finally {
      process.kill(server.pid ?? 0, 'SIGCONT');
    }
  });
});

describe('a foreign message on the deliver subject of a consumer', () => {
  const foreign: [string, string | undefined, string][] = [
    ['without a reply subject', undefined, 'x'],
    ['without a reply subject and payload', undefined, ''],
    ['with an ordinary reply subject', 'replies.here', 'x'],
    ['with an API subject as reply', '$JS.API.STREAM.DELETE.VICTIM', 'x'],
    ['with the acknowledgement subject of another consumer', '$JS.ACK.OTHER.c.1.1.1.1.0', 'x'],
    ['with an acknowledgement subject that is too short', '$JS.ACK.NAME.d.1.1', 'x'],
    ['with an acknowledgement subject that has no numbers', '$JS.ACK.NAME.d.a.b.c.d.e', 'x'],
    ['with an acknowledgement subject that is too long', '$JS.ACK.NAME.d.1.1.1.1.0.1.1.1', 'x'],
  ];

  /** One line for all of them; the server itself rejects acknowledgement subjects as reply subjects of its clients. */
  const logged = (reply = ''): number => (reply.startsWith('$JS.ACK.') ? 0 : 1);

  async function linesWhenIgnored(
    deliverSubject: () => Promise<string>,
    count: () => number,
    reply: string | undefined,
    data: string,
  ): Promise<number> {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const answers: string[] = [];
    const subject = await deliverSubject();
    const replyTo = reply?.replace('NAME', name);
    await using peer = await ConnectedJetStream.connect(server.url);
    if (replyTo) peer.nc.subscribe(replyTo, { callback: (_, msg) => void answers.push(msg.string()) });
    await peer.nc.flush();
    await connected.publish(`${name}.a`, 1);
    await expect.poll(count).toBe(1);
    const options = replyTo === undefined ? {} : { reply: replyTo };
    for (let i = 0; i < 3; i++) peer.nc.publish(subject, data, options);
    await peer.nc.flush();
    await connected.publish(`${name}.a`, 2);
    await expect.poll(count).toBe(3);
    await peer.nc.flush();
    expect(answers).toEqual([]);
    const lines = warn.mock.calls.map(([line]) => String(line));
    return lines.filter((line) => line.includes('Ignored a message')).length;
  }

  it.each(foreign)('is ignored by a push consumer: %s', async (_, reply, data) => {
    const subject = `deliver.${name}`;
    const consumer = await stream.createPushConsumer({ durable: 'd', deliverSubject: subject });
    let count = 0;
    await using _c = consumer.consume((message) => {
      count++;
      message.ack();
    });
    const lines = await linesWhenIgnored(
      async () => subject,
      () => count,
      reply,
      data,
    );
    expect(lines).toBe(logged(reply));
  });

  it.each(foreign)('is ignored by a pull consumer: %s', async (_, reply, data) => {
    const consumer = await stream.createConsumer({ durable: 'd' });
    const { inbox } = await listenForInbox('d');
    let count = 0;
    await using _c = consumer.consume((message) => {
      count++;
      message.ack();
    });
    const lines = await linesWhenIgnored(
      () => inbox,
      () => count,
      reply,
      data,
    );
    expect(lines).toBe(logged(reply));
  });

  it('does not count as flow control: a request to reply on an API subject gets no reply', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await connected.jetstream.createStream({ name: `V${name}`, subjects: [`v.${name}`], storage: 'memory' });
    const subject = `deliver.${name}`;
    const consumer = await stream.createPushConsumer({ durable: 'd', deliverSubject: subject });
    let count = 0;
    await using _c = consumer.consume(() => count++);
    const status = headers(100, 'FlowControl Request');
    connected.nc.publish(subject, '', { reply: `$JS.API.STREAM.DELETE.V${name}`, headers: status });
    const stalled = headers(100, 'Idle Heartbeat');
    stalled.set('Nats-Consumer-Stalled', `$JS.API.STREAM.DELETE.V${name}`);
    connected.nc.publish(subject, '', { headers: stalled });
    await publish(1);
    await expect.poll(() => count).toBe(1);
    expect((await connected.jetstream.stream(`V${name}`)).name).toBe(`V${name}`);
    expect(warn.mock.calls.filter(([line]) => String(line).includes('Ignored'))).toHaveLength(1);
  });

  /** Resolves with the inbox of the next pull request. */
  async function listenForInbox(consumer: string): Promise<{ inbox: Promise<string> }> {
    const inbox = new Promise<string>((resolve) => {
      connected.nc.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${name}.${consumer}`, {
        callback: (_, msg) => resolve(msg.reply ?? ''),
      });
    });
    await connected.nc.flush();
    return { inbox };
  }
});

describe('a push consumer without heartbeats', () => {
  it.each([
    ['deleted', () => stream.deleteConsumer('d')],
    [
      'recreated with another deliver subject',
      async () => {
        await stream.deleteConsumer('d');
        await stream.createPushConsumer({ durable: 'd', deliverSubject: 'elsewhere' });
      },
    ],
  ])('ends when it was %s', { timeout: 20_000 }, async (_, lose) => {
    const config = { durable: 'd', deliverSubject: `deliver.${name}`, deliverGroup: 'g' };
    const consumer = await stream.createPushConsumer(config);
    const consumption = consumer.consume(() => undefined, { onError: () => undefined });
    await lose();
    expect(await consumption.closed).toBeInstanceOf(ConsumerDeletedError);
  });
});

describe('a wait longer than the limit of timers', () => {
  it.each([30 * 86_400_000, Infinity])('is honored: fetch with maxWait %d', async (maxWait) => {
    const consumer = await stream.createConsumer({ durable: 'd' });
    const batch = consumer.fetch(1, { maxWait });
    const messages = consumer.messages();
    const next = messages.next({ maxWait });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(batch.done).toBe(false);
    await publish(2);
    expect(await collect(batch)).toHaveLength(1);
    expect(batch.error).toBeUndefined();
    expect(await next).toBeDefined();
    await messages.stop();
  });
});

describe('an ordered consumer', () => {
  it('ends if its connection closes while it creates its next consumer', async () => {
    const consumer = await stream.orderedConsumer();
    const errors: Error[] = [];
    const consumption = consumer.consume(() => undefined, { onError: (error) => void errors.push(error) });
    await expect.poll(async () => (await consumer.info()).numWaiting).toBe(1);
    await connected.jetstream.deleteStream(name);
    await expect.poll(() => errors.length, { timeout: 10_000 }).toBeGreaterThan(0);
    await connected.nc.close();
    expect(await consumption.closed).toBeInstanceOf(ConnectionClosedError);
    const reported = errors.length;
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(errors.length).toBe(reported);
  });

  it('reads a recreated stream from its start', async () => {
    await publish(50);
    const consumer = await stream.orderedConsumer();
    const seen: number[] = [];
    await using _c = consumer.consume((message) => void seen.push(message.metadata.streamSequence), {
      onError: () => undefined,
    });
    await expect.poll(() => seen.length).toBe(50);
    await expect.poll(async () => (await consumer.info()).numWaiting).toBe(1);
    await connected.jetstream.deleteStream(name);
    await connected.jetstream.createStream({ name, subjects: [`${name}.>`], storage: 'memory' });
    await publish(10);
    await expect.poll(() => seen.length).toBe(60);
    expect(seen.slice(50)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await publish(60);
    await expect.poll(() => seen.length).toBe(120);
  });
});

describe('the iterators of one consumer', () => {
  it.each(['return', 'throw'] as const)('end by %s in the middle, for all waiting callers', async (how) => {
    const consumer = await stream.createConsumer({ durable: 'd' });
    const messages = consumer.messages();
    const iterator = messages[Symbol.asyncIterator]();
    const other = messages[Symbol.asyncIterator]();
    const waiting = [iterator.next(), other.next()];
    const worker = messages.next().catch((error: unknown) => error);
    const reason = new Error('enough');
    const ended = await Promise.allSettled([iterator[how]?.(reason as never)]);
    const expected = {
      return: { status: 'fulfilled', value: { done: true } },
      throw: { status: 'rejected', reason },
    };
    expect(ended).toMatchObject([expected[how]]);
    for (const result of await Promise.all(waiting)) expect(result.done).toBe(true);
    expect(await worker).toMatchObject({ name: 'IteratorClosedError' });
    expect((await other.next()).done).toBe(true);
  });

  it.each(['return', 'throw'] as const)('of a batch end by %s', async (how) => {
    await publish(3);
    const consumer = await stream.createConsumer({ durable: 'd' });
    const batch = consumer.fetch(10, { maxWait: 5_000 });
    const iterator = batch[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    await iterator[how]?.(new Error('enough') as never)?.catch(() => undefined);
    expect(batch.done).toBe(true);
    expect((await iterator.next()).done).toBe(true);
  });
});
