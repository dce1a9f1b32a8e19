import { Logger } from '@nestjs/common';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  ConnectionClosedError,
  NoStreamResponseError,
  PublishTimeoutError,
  StreamFullError,
  TooManyStalledPublishesError,
} from '../../../lib/errors/index.js';
import { DiscardPolicy, type OutgoingMessage, type PubAck } from '../../../lib/jetstream/index.js';
import { ConnectedPublisher, failure } from './connected-publisher.js';

let server: NatsTestServer;
const open: AsyncDisposable[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

async function connected(
  defaults: Parameters<typeof ConnectedPublisher.connect>[1] = {},
  to: NatsTestServer = server,
): Promise<ConnectedPublisher> {
  const client = await ConnectedPublisher.connect(to, defaults);
  open.push(client);
  return client;
}

describe('publishAsync', () => {
  it('returns the message and a promise of its acknowledgement at once', async () => {
    const client = await connected();
    const { name } = await client.createStream();
    const message = { subject: `${name.toLowerCase()}.a`, data: { n: 2 }, headers: { A: 'b' } };
    const first = client.publisher.publishAsync(`${name.toLowerCase()}.a`, { n: 1 });
    const second = client.publisher.publishMessageAsync(message);
    expect(client.publisher.publishAsyncPending).toBe(2);
    expect(first.message).toEqual({ subject: `${name.toLowerCase()}.a`, data: { n: 1 } });
    expect(second.message).toBe(message);

    expect(await second.ack).toEqual({ stream: name, sequence: 2, duplicate: false });
    expect(await first.ack).toEqual({ stream: name, sequence: 1, duplicate: false });
    expect(client.publisher.publishAsyncPending).toBe(0);
  });

  it('keeps the order of a burst', async () => {
    const client = await connected();
    const stream = await client.createStream();
    const futures = Array.from({ length: 3_000 }, (_, i) =>
      client.publisher.publishAsync(`${stream.name.toLowerCase()}.a`, String(i)),
    );
    const acks = await Promise.all(futures.map(({ ack }) => ack));
    expect(acks.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 3_000 }, (_, i) => i + 1));
    expect((await stream.getMessage(1_501)).text()).toBe('1500');
  });

  it('is not overtaken by later publishes', async () => {
    const client = await connected();
    const stream = await client.createStream({ allowAtomicPublish: true });
    const subject = `${stream.name.toLowerCase()}.a`;
    client.publisher.publishAsync(subject, '1');
    const second = client.publisher.publish(subject, '2');
    client.publisher.publishAsync(subject, '3');
    const fourth = client.publisher.publishBatch([{ subject, data: '4' }]);
    expect([(await second).sequence, (await fourth).sequence]).toEqual([2, 4]);
    expect((await stream.getMessage(3)).text()).toBe('3');
  });

  it('calls onAck or onError for every message', async () => {
    const acks: [PubAck, OutgoingMessage][] = [];
    const errors: [Error, OutgoingMessage][] = [];
    const client = await connected({
      onAck: (ack, message) => acks.push([ack, message]),
      onError: (error, message) => errors.push([error, message]),
      retry: { attempts: 0 },
    });
    const { name } = await client.createStream({ maxMessages: 1, discard: DiscardPolicy.New });
    const subject = `${name.toLowerCase()}.a`;
    for (const data of ['stored', 'refused']) client.publisher.publishAsync(subject, data);
    client.publisher.publishAsync('nowhere.a', 'lost');
    await client.publisher.publishAsyncComplete();

    expect(acks).toEqual([
      [
        { stream: name, sequence: 1, duplicate: false },
        { subject, data: 'stored' },
      ],
    ]);
    expect(errors.map(([error, message]) => [error.constructor, message.data])).toEqual(
      expect.arrayContaining([
        [StreamFullError, 'refused'],
        [NoStreamResponseError, 'lost'],
      ]),
    );
    expect(errors).toHaveLength(2);
  });

  it('survives handlers that throw', async () => {
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      const client = await connected({
        maxPending: 2,
        onAck: () => {
          throw new Error('my mistake');
        },
      });
      const { name } = await client.createStream();
      const futures = [1, 2, 3].map((n) => client.publisher.publishAsync(`${name.toLowerCase()}.a`, n));
      const acks = await Promise.all(futures.map(({ ack }) => ack));
      expect(acks.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
      await client.publisher.publishAsyncComplete();
      // The same failure is logged once a minute.
      expect(logged).toHaveBeenCalledTimes(1);
      expect(logged.mock.calls[0][0]).toContain('my mistake');
    } finally {
      logged.mockRestore();
    }
  });

  it('allows a failed ack to be awaited later, or never', async () => {
    const unhandled = vi.fn<() => void>();
    process.on('unhandledRejection', unhandled);
    try {
      const client = await connected({ retry: { attempts: 0 } });
      const watched = client.publisher.publishAsync('nowhere.a');
      const { ack } = watched;
      const late = client.publisher.publishAsync('nowhere.b');
      await client.publisher.publishAsyncComplete();
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
      expect(await failure(ack)).toMatchObject({ constructor: NoStreamResponseError, subject: 'nowhere.a' });
      expect(await failure(watched.ack)).toMatchObject({ subject: 'nowhere.a' });
      expect(await failure(late.ack)).toMatchObject({ subject: 'nowhere.b' });
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });

  it('logs failures without a listener, in one line', async () => {
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      const client = await connected({ retry: { attempts: 0 } });
      for (let i = 0; i < 100; i++) client.publisher.publishAsync('nowhere.unwatched');
      const { ack } = client.publisher.publishAsync('nowhere.watched');
      await failure(ack);
      // It is rejected before the call returns, and its ack is accessed afterwards.
      client.publisher.close();
      await failure(client.publisher.publishAsync('nowhere.watched').ack);
      const lines = () =>
        logged.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('watched'));
      await expect.poll(lines, { timeout: 3_000 }).toHaveLength(1);
      expect(lines()[0]).toMatch(/^100 messages .* "nowhere\.unwatched"/);
    } finally {
      logged.mockRestore();
    }
  });

  it('retries a message that no stream has acknowledged, like publish', async () => {
    const client = await connected({ retry: { wait: 100, attempts: 10 } });
    const { ack } = client.publisher.publishAsync('async.late.a');
    const stream = await client.createStream({ subjects: ['async.late.>'] });
    expect(await ack).toMatchObject({ stream: stream.name, sequence: 1 });
  });
});

describe('the window', () => {
  it('is never exceeded by concurrent producers', async () => {
    let most = 0;
    const client = await connected({
      maxPending: 100,
      onAck: () => (most = Math.max(most, client.publisher.publishAsyncPending)),
    });
    const { name } = await client.createStream();
    const subject = `${name.toLowerCase()}.a`;
    const producer = async () => {
      for (let i = 0; i < 500; i++) {
        await client.publisher.publishAsyncReady();
        client.publisher.publishAsync(subject, 'x');
        most = Math.max(most, client.publisher.publishAsyncPending);
      }
    };
    await Promise.all(Array.from({ length: 20 }, producer));
    await client.publisher.publishAsyncComplete();
    expect(most).toBe(100);
    expect((await client.publisher.publish(subject)).sequence).toBe(10_001);
  });

  it('lets as many messages wait as fit into it, and rejects others at once', async () => {
    const client = await connected({ maxPending: 10 });
    const { name } = await client.createStream();
    const futures = Array.from({ length: 25 }, (_, i) =>
      client.publisher.publishAsync(`${name.toLowerCase()}.a`, String(i)),
    );
    expect(client.publisher.publishAsyncPending).toBe(10);
    const outcomes = await Promise.all(
      futures.map(({ ack }) =>
        ack.then(
          ({ sequence }) => sequence,
          (error: unknown) => error,
        ),
      ),
    );
    expect(outcomes.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    for (const error of outcomes.slice(20)) {
      expect(error).toMatchObject({ constructor: TooManyStalledPublishesError, maxPending: 10 });
    }
  });

  it('makes a producer wait for room, which ends with the connection', async () => {
    await using stalled = await NatsTestServer.start();
    const client = await connected({ maxPending: 2, timeout: 10_000 }, stalled);
    const { name } = await client.createStream();
    stalled.pause();
    const futures = [1, 2].map(() => client.publisher.publishAsync(`${name.toLowerCase()}.a`));
    let ready = false;
    const waiting = client.publisher.publishAsyncReady().then(() => (ready = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ready).toBe(false);

    stalled.resume();
    await waiting;
    await Promise.all(futures.map(({ ack }) => ack));

    stalled.pause();
    const pending = [1, 2].map(() => failure(client.publisher.publishAsync(`${name.toLowerCase()}.a`).ack));
    const lined = failure(client.publisher.publishAsync(`${name.toLowerCase()}.a`).ack);
    const waitingStill = client.publisher.publishAsyncReady();
    client.publisher.close();
    expect(await lined).toBeInstanceOf(ConnectionClosedError);
    await waitingStill;
    const later = client.publisher.publishAsync(`${name.toLowerCase()}.a`).ack;
    expect(await failure(later)).toBeInstanceOf(ConnectionClosedError);
    await client.nc.close();
    for (const error of await Promise.all(pending)) expect(error).toBeInstanceOf(ConnectionClosedError);
    await client.publisher.publishAsyncComplete();
    stalled.resume();
  });
});

describe('draining', () => {
  it('rejects new messages, and waits for those in flight and waiting', async () => {
    const client = await connected({ maxPending: 100 });
    const { name } = await client.createStream();
    const futures = Array.from({ length: 200 }, () =>
      client.publisher.publishAsync(`${name.toLowerCase()}.a`),
    );
    const drained = client.publisher.drain(5_000);
    const refused = client.publisher.publishAsync(`${name.toLowerCase()}.a`).ack;
    expect(await failure(refused)).toBeInstanceOf(ConnectionClosedError);
    await drained;
    const acks = await Promise.all(futures.map(({ ack }) => ack));
    expect(acks.at(-1)).toMatchObject({ sequence: 200 });
  });

  it('gives up after its timeout', async () => {
    await using stalled = await NatsTestServer.start();
    const client = await connected({ maxPending: 1, stallWait: 60_000, timeout: 60_000 }, stalled);
    const { name } = await client.createStream();
    stalled.pause();
    client.publisher.publishAsync(`${name.toLowerCase()}.a`);
    const lined = failure(client.publisher.publishAsync(`${name.toLowerCase()}.a`).ack);
    await client.publisher.drain(50);
    expect(await lined).toBeInstanceOf(ConnectionClosedError);
    stalled.resume();
  });
});

describe('a stalled server', () => {
  it('makes publishAsync wait at the limit and then fail, with bounded memory', async () => {
    await using stalled = await NatsTestServer.start();
    const maxPending = 1_000;
    const client = await connected({ maxPending, stallWait: 150, timeout: 5_000 }, stalled);
    const { name } = await client.createStream();
    const subject = `${name.toLowerCase()}.a`;
    stalled.pause();
    const started = performance.now();
    const failedAfter: number[] = [];
    const classes = new Map<string, number>();
    let settled = 0;
    const publish = (): void => {
      const { ack } = client.publisher.publishAsync(subject, 'x'.repeat(100));
      ack.catch((error: unknown) => {
        settled++;
        const type = error instanceof Error ? error.name : 'no error';
        classes.set(type, (classes.get(type) ?? 0) + 1);
        if (error instanceof TooManyStalledPublishesError) failedAfter.push(performance.now() - started);
      });
    };

    for (let i = 0; i < 2 * maxPending; i++) publish();
    expect(client.publisher.publishAsyncPending).toBe(maxPending);
    const outBytes = client.nc.stats().outBytes;
    for (let i = 0; i < 10 * maxPending; i++) publish();
    await new Promise((resolve) => setImmediate(resolve));
    // The window is in flight and as many messages are waiting; all others have already failed, and no more were sent.
    expect(settled).toBe(10 * maxPending);
    expect(client.nc.stats().outBytes - outBytes).toBeLessThanOrEqual(maxPending * 100);

    await expect.poll(() => settled, { timeout: 4_000, interval: 10 }).toBe(11 * maxPending);
    expect(failedAfter.at(-1)).toBeGreaterThanOrEqual(150);
    expect(failedAfter.at(-1)).toBeLessThan(5_000);
    expect(client.publisher.publishAsyncPending).toBe(maxPending);

    await client.publisher.publishAsyncComplete();
    expect(Object.fromEntries(classes)).toEqual({
      [TooManyStalledPublishesError.name]: 11 * maxPending,
      [PublishTimeoutError.name]: maxPending,
    });
    stalled.resume();
    await client.publisher.publish(subject, '');
  });
});
