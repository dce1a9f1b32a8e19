import { headers } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  MessageAlreadySettledError,
  RequestTimeoutError,
} from '../../../lib/errors/index.js';
import type { Consumer, JetStreamMessage, Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { ConnectedJetStream, uniqueName, startServer } from '../streams/connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('a received message on nats-server %s', (version) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let stream: Stream;
  let consumer: Consumer;

  beforeAll(async () => {
    server = await startServer(version);
    connected = await ConnectedJetStream.connect(server.url);
  });
  afterAll(async () => {
    await connected[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    stream = await connected.jetstream.createStream({
      name: streamName,
      subjects: ['s.>'],
      storage: 'memory',
    });
    consumer = await stream.createConsumer({ durable: 'd', ackWait: 400 });
  });
  afterEach(() => connected.jetstream.deleteStream(streamName));

  async function next(from = consumer): Promise<JetStreamMessage> {
    const message = await from.next({ maxWait: 5_000 });
    if (!message) throw new Error('no message came');
    return message;
  }

  function silence(): Promise<string> {
    return new Promise((resolve) => setTimeout(() => resolve('silent'), 50));
  }

  it('has payload, headers, subject, reply and metadata', async () => {
    const given = headers();
    given.set('Trace', 'one');
    await connected.jetstream.publish('s.a', { total: 7 }, { headers: given });
    await connected.publish('s.b', 1);

    const message = await next();

    expect(message.subject).toBe('s.a');
    expect(message.json()).toEqual({ total: 7 });
    expect(message.text()).toBe('{"total":7}');
    expect([...message.data]).toEqual([...Buffer.from('{"total":7}')]);
    expect(message.headers?.get('Trace')).toBe('one');
    expect(message.reply).toMatch(/^\$JS\.ACK\./);
    expect(message.metadata).toMatchObject({
      stream: streamName,
      consumer: 'd',
      domain: '',
      deliveryCount: 1,
      streamSequence: 1,
      consumerSequence: 1,
      pending: 1,
    });
    expect(Math.abs(Date.now() - message.metadata.timestamp.getTime())).toBeLessThan(60_000);
  });

  it('is not redelivered once acknowledged', async () => {
    await connected.publish('s.a', 1);

    (await next()).ack();

    expect(await consumer.next({ maxWait: 600 })).toBeUndefined();
    expect((await consumer.info()).ackFloor.streamSequence).toBe(1);
  });

  it('waits for the confirmation of the server with doubleAck', async () => {
    await connected.publish('s.a', 1);

    await (await next()).doubleAck();

    expect((await consumer.info()).numAckPending).toBe(0);
  });

  it('rejects with doubleAck if the server does not confirm', async () => {
    await connected.publish('s.a', 1);
    const message = await next();
    server.pause();
    try {
      // The signal takes effect asynchronously.
      await expect
        .poll(() => Promise.race([connected.nc.flush().then(() => 'answers'), silence()]))
        .toBe('silent');
      await expect(message.doubleAck({ timeout: 100 })).rejects.toThrow(RequestTimeoutError);
    } finally {
      server.resume();
    }
  });

  it('is redelivered at once, or after a delay, with nak', async () => {
    const patient = await stream.createConsumer({ name: 'patient', ackWait: 60_000 });
    await connected.publish('s.a', 1);
    (await next(patient)).nak();
    const second = await next(patient);
    expect(second.metadata.deliveryCount).toBe(2);

    const started = performance.now();
    second.nak(300);
    expect((await next(patient)).metadata.deliveryCount).toBe(3);
    expect(performance.now() - started).toBeGreaterThan(250);
  });

  it('is redelivered after ackWait, unless it is in progress', async () => {
    await connected.publish('s.a', 1);
    const message = await next();
    for (let i = 0; i < 4; i++) {
      expect(await consumer.next({ maxWait: 200 })).toBeUndefined();
      message.inProgress();
    }

    expect((await next()).metadata.deliveryCount).toBe(2);
  });

  it('is never redelivered with term', async () => {
    await connected.publish('s.a', 2);

    (await next()).term();
    (await next()).term('no good');

    expect(await consumer.next({ maxWait: 600 })).toBeUndefined();
    expect((await consumer.info()).numAckPending).toBe(0);
  });

  it('reports the reason of term in an advisory', async () => {
    const advisories: { reason?: string }[] = [];
    const subscription = connected.nc.subscribe(
      `$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.${streamName}.d`,
      {
        callback: (_error, msg) => void advisories.push(msg.json()),
      },
    );
    await connected.publish('s.a', 1);

    (await next()).term('no good');

    await expect.poll(() => advisories.length).toBe(1);
    subscription.unsubscribe();
    // nats-server before 2.10.4 does not support a reason.
    expect(advisories[0].reason).toBe(version === '2.9' ? undefined : 'no good');
  });

  it.each<[string, (message: JetStreamMessage) => unknown]>([
    ['ack', (message) => message.ack()],
    ['nak', (message) => message.nak()],
    ['term', (message) => message.term()],
    ['inProgress', (message) => message.inProgress()],
  ])('cannot be settled twice: %s', async (_, settle) => {
    await connected.publish('s.a', 1);
    const message = await next();
    message.ack();

    expect(message.settled).toBe(true);
    expect(() => settle(message)).toThrow(MessageAlreadySettledError);
    await expect(message.doubleAck()).rejects.toThrow(MessageAlreadySettledError);
  });

  it('rejects an invalid delay', async () => {
    await connected.publish('s.a', 1);
    const message = await next();

    expect(() => message.nak(-1)).toThrow(InvalidArgumentError);
    expect(message.settled).toBe(false);
    message.ack();
  });

  it('acknowledges all messages before it if the consumer has ackPolicy all', async () => {
    const cumulative = await stream.createConsumer({ name: 'all', ackPolicy: 'all' });
    await connected.publish('s.a', 3);
    const messages = [await next(cumulative), await next(cumulative), await next(cumulative)];

    await messages[2].doubleAck();

    expect((await cumulative.info()).ackFloor.streamSequence).toBe(3);
  });
});
