import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PublishTimeoutError } from '../../../lib/errors/index.js';
import { StorageType, type Stream } from '../../../lib/jetstream/index.js';
import { ConnectedPublisher, failure } from './connected-publisher.js';

let server: NatsTestServer;
let client: ConnectedPublisher;
let stream: Stream;
let subject: string;

beforeEach(async () => {
  server = await NatsTestServer.start();
  client = await ConnectedPublisher.connect(server);
  stream = await client.createStream({ storage: StorageType.File });
  subject = `${stream.name.toLowerCase()}.a`;
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server.stop();
});

/** Publishes a message to a server that is killed before it reads the message. */
async function interrupted<T>(publish: () => T): Promise<T> {
  server.pause();
  const result = publish();
  // The bytes are in the socket buffer, which the paused server does not read.
  await new Promise((resolve) => setImmediate(resolve));
  const down = client.next('onDisconnect');
  await server.kill();
  await down;
  return result;
}

describe('a message in flight when the connection breaks', () => {
  it('is sent again if it has an id, and stored once', async () => {
    const publishing = await interrupted(() => ({
      given: client.publisher.publish(subject, 'given', { messageId: 'mine' }),
      generated: client.publisher.publish(subject, 'generated', { idempotent: true }),
      async: client.publisher.publishAsync(subject, 'async', { idempotent: true }).ack,
    }));
    await server.restart();
    const acks = await Promise.all([publishing.given, publishing.generated, publishing.async]);
    expect(acks.map(({ sequence }) => sequence).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    expect((await stream.info()).state.messages).toBe(3);
  });

  it('is recognized by its id if only the acknowledgement was lost', async () => {
    // The server stores the first message before it is stopped, so the repeated one is a duplicate.
    await client.publisher.publish(subject, 'x', { messageId: 'mine' });
    const publishing = await interrupted(() => ({
      again: client.publisher.publish(subject, 'x', { messageId: 'mine' }),
    }));
    await server.restart();
    expect(await publishing.again).toMatchObject({ sequence: 1, duplicate: true });
    expect((await stream.info()).state.messages).toBe(1);
  });

  it('fails at its timeout if it has no id, because its outcome is unknown', async () => {
    const publishing = await interrupted(() => ({
      plain: failure(client.publisher.publish(subject, 'x', { timeout: 1_500 })),
    }));
    await server.restart();
    const error = await publishing.plain;
    expect(error).toMatchObject({ constructor: PublishTimeoutError, sent: true, messageId: undefined });
    expect(error.message).toContain('may or may not be stored');
    expect((await stream.info()).state.messages).toBe(0);
  });
});

describe('a message published while the connection is down', () => {
  it('is sent after the reconnect, in order, even without an id', async () => {
    const down = client.next('onDisconnect');
    await server.kill();
    await down;
    const acks = [
      client.publisher.publish(subject, '1'),
      client.publisher.publishAsync(subject, '2').ack,
      client.publisher.publishAsync(subject, '3').ack,
    ];
    await new Promise((resolve) => setImmediate(resolve));
    await server.restart();
    expect((await Promise.all(acks)).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect((await stream.getMessage(2)).headers).toBeUndefined();
  });

  it('fails at its timeout as not sent if the connection stays down', async () => {
    const down = client.next('onDisconnect');
    await server.kill();
    await down;
    const error = await failure(client.publisher.publish(subject, 'x', { timeout: 100 }));
    expect(error).toMatchObject({ constructor: PublishTimeoutError, sent: false });
    expect(error.message).toContain('not sent');
  });
});
