import { Logger } from '@nestjs/common';
import { headers, nuid, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { connectOver } from './connect-over.js';
import { JetStreamConnection } from '../../lib/connection/index.js';
import { ConnectionClosedError } from '../../lib/errors/index.js';
import { JetStreamService, StorageType, type JetStreamMessage } from '../../lib/jetstream/index.js';
import { Requests } from '../../lib/requests/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { LogRecorder } from '../support/log-recorder.js';

let server: NatsTestServer;
let logs: LogRecorder;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterEach(async () => {
  Logger.overrideLogger(false);
  await Promise.all(opened.splice(0).map((nc) => nc.close()));
});
afterAll(() => server.stop());

async function open(wire: string): Promise<JetStreamConnection> {
  logs = new LogRecorder();
  Logger.overrideLogger(logs);
  const nc = await connectOver(wire, { servers: server.url });
  opened.push(nc);
  return new JetStreamConnection('default', nc);
}

/** A message that a consumer delivered over a connection, not settled yet. */
async function delivered(connection: JetStreamConnection): Promise<JetStreamMessage> {
  const jetstream = new JetStreamService(connection, new Requests(connection), {
    codec: jsonCodec,
    publish: {},
  });
  const name = nuid.next();
  const stream = await jetstream.createStream({ name, subjects: [name], storage: StorageType.Memory });
  const consumer = await stream.createConsumer({ durable: 'c' });
  await jetstream.publish(name, 1);
  const message = await consumer.next();
  if (message === undefined) throw new Error('nothing was delivered');
  return message;
}

const unsent = (): string[] => [...logs.of('warn'), ...logs.of('error')];

describe.each(['direct', 'client'])('a message posted over the %s wire', (wire) => {
  it('arrives with its reply subject and headers', async () => {
    const connection = await open(wire);
    const subject = nuid.next();
    const arrived = new Promise<unknown[]>((resolve) => {
      connection.wire.subscribe(subject, {
        callback: (_, message) => resolve([message.string(), message.reply, message.headers?.get('A')]),
      });
    });
    const block = headers();
    block.set('A', 'b');
    expect(connection.post(subject, 'text', { reply: 'r', headers: block, purpose: 'a test' })).toBe(true);
    expect(await arrived).toEqual(['text', 'r', 'b']);
    expect(unsent()).toEqual([]);
  });

  it.each([
    ['closed', (nc: NatsConnection) => nc.close()],
    ['drained', (nc: NatsConnection) => nc.drain()],
  ])('is reported once on a %s connection', async (_, end) => {
    const connection = await open(wire);
    await end(connection.nc);
    for (let i = 0; i < 10; i++) expect(connection.post('a', '', { purpose: `test ${i}` })).toBe(false);
    expect(unsent()).toHaveLength(1);
    expect(unsent()[0]).toContain('Connection "default" is closed: test 0 to "a" was not sent');
  });

  it('is reported once while the connection drains', async () => {
    const connection = await open(wire);
    let inTime: boolean | undefined;
    const late = new Promise<void>((resolve) => {
      void connection.nc.drain().then(() => {
        for (let i = 0; i < 10; i++) connection.post('a', '', { purpose: 'a test' });
        resolve();
      });
      inTime = connection.post('a', '', { purpose: 'a test' });
    });
    expect(inTime).toBe(true);
    await late;
    expect(unsent()).toHaveLength(1);
  });

  it.each([
    ['no subject', '', {}, /Invalid subject/],
    ['white space in its subject', 'a b', {}, /Invalid subject "a b"/],
    ['a line end in its subject', 'a\r\nPING', {}, /Invalid subject/],
    ['white space in its reply subject', 'a', { reply: 'a b' }, /Invalid subject "a b"/],
    ['a subject that is too long', 'x'.repeat(5_000), {}, /Invalid subject/],
    ['a reply subject that is too long', 'a', { reply: 'x'.repeat(4_080) }, /line of \d+ bytes/],
  ])('with %s is reported once for its purpose', async (_, subject, options, words) => {
    const connection = await open(wire);
    for (let i = 0; i < 10; i++) {
      expect(connection.post(subject, '', { ...options, purpose: 'an answer' })).toBe(false);
      expect(connection.post(subject, '', { ...options, purpose: 'a test' })).toBe(false);
    }
    expect(unsent()).toHaveLength(2);
    expect(unsent()[0]).toMatch(words);
    expect(unsent()[0]).toContain('an answer to');
    expect(unsent().join('')).not.toMatch(/[\r\n]/);
  });

  it('is reported if payload and headers exceed the limit of the server', async () => {
    const connection = await open(wire);
    const block = headers();
    block.set('A', 'x'.repeat(100));
    const payload = new Uint8Array(connection.maxPayload);
    expect(connection.post('a', payload, { headers: block, purpose: 'an answer' })).toBe(false);
    expect(unsent()).toHaveLength(1);
    expect(unsent()[0]).toMatch(
      /an answer to "a" was not sent: .*larger than the server accepts \(1048576\)/,
    );
  });

  it('is discarded on a closed connection, which is reported once and throws nothing', async () => {
    const connection = await open(wire);
    const messages = await Promise.all(Array.from({ length: 4 }, () => delivered(connection)));
    await connection.nc.close();
    const [first, second, third, fourth] = messages;
    first.inProgress();
    first.ack();
    second.nak(5);
    third.term('a reason');
    await expect(fourth.doubleAck()).rejects.toThrow(ConnectionClosedError);
    expect(messages.map(({ settled }) => settled)).toEqual([true, true, true, true]);
    expect(unsent()).toHaveLength(1);
    expect(unsent()[0]).toContain('are delivered again');
  });

  it('is not written to a broken link', async () => {
    await using own = await NatsTestServer.start();
    logs = new LogRecorder();
    Logger.overrideLogger(logs);
    const nc = await connectOver('direct', {
      servers: own.url,
      reconnectTimeWait: 20,
      maxReconnectAttempts: -1,
    });
    opened.push(nc);
    const connection = new JetStreamConnection('default', nc);
    const lost = new Promise<void>((resolve) => connection.listen({ onDisconnect: resolve }));
    await own.stop();
    await lost;
    expect(connection.post('a', '', { purpose: 'a test' })).toBe(false);
    expect(unsent()).toEqual([]);
    await vi.waitFor(() => expect(nc.isClosed()).toBe(false));
  });
});
