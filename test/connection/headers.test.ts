import { headers, Match, nuid, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { JetStreamConnection, MessageHeaders } from '../../lib/connection/index.js';
import { InvalidArgumentError } from '../../lib/errors/index.js';
import { JetStreamService, StorageType } from '../../lib/jetstream/index.js';
import { Requests } from '../../lib/requests/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { RawPublisher } from './raw-publisher.js';
import { connectOver } from './connect-over.js';

let server: NatsTestServer;
let publisher: RawPublisher;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
  publisher = await RawPublisher.connect(server.url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nc) => nc.close()));
});
afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
  await server.stop();
});

async function open(wire: string): Promise<JetStreamConnection> {
  const nc = await connectOver(wire, { servers: server.url });
  opened.push(nc);
  return new JetStreamConnection('default', nc);
}

/** A block of headers on the wire, and the headers that are read from it. */
const BLOCKS: readonly (readonly [string, string | Buffer, Record<string, string[]>])[] = [
  ['ordinary lines', 'NATS/1.0\r\nA: 1\r\nB:2\r\nA: 3\r\n\r\n', { A: ['1', '3'], B: ['2'] }],
  ['no lines', 'NATS/1.0\r\n\r\n', {}],
  ['a line feed in a value', 'NATS/1.0\r\nA: 1\nB: 2\r\nC: 3\r\n\r\n', { A: ['1'], B: ['2'], C: ['3'] }],
  ['a line feed and no name behind it', 'NATS/1.0\r\nA: 1\n2\r\nC: 3\r\n\r\n', { A: ['1'], C: ['3'] }],
  ['line feeds only', 'NATS/1.0\nA: 1\nB: 2\n\n', { A: ['1'], B: ['2'] }],
  ['a carriage return in a value', 'NATS/1.0\r\nA: 1\r2\r\nB: 3\r\n\r\n', { A: ['1 2'], B: ['3'] }],
  ['an umlaut in a name', 'NATS/1.0\r\nGröße: 1\r\nB: 2\r\n\r\n', { Größe: ['1'], B: ['2'] }],
  ['a blank in a name', 'NATS/1.0\r\nA B: 1\r\nC : 2\r\n D: 3\r\n\r\n', { 'A B': ['1'], C: ['2'], D: ['3'] }],
  ['a control character in a name', 'NATS/1.0\r\nA\u0000: 1\r\nB: 2\r\n\r\n', { 'A\u0000': ['1'], B: ['2'] }],
  ['a missing colon', 'NATS/1.0\r\nA\r\nB: 2\r\nC\r\n\r\n', { B: ['2'] }],
  ['a missing name', 'NATS/1.0\r\n: 1\r\nB: 2\r\n\r\n', { B: ['2'] }],
  ['colons in a value', 'NATS/1.0\r\nA: b:c: d\r\n\r\n', { A: ['b:c: d'] }],
  ['an empty value', 'NATS/1.0\r\nA:\r\nB: \r\n\r\n', { A: [''], B: [''] }],
  ['no line end', 'NATS/1.0\r\nA: 1', { A: ['1'] }],
  ['lines behind the end', 'NATS/1.0\r\nA: 1\r\n\r\nB: 2\r\n\r\n', { A: ['1'], B: ['2'] }],
  [
    'bytes that are not UTF-8',
    Buffer.from('NATS/1.0\r\nA: \xff\xfe\r\nB\xff: 2\r\n\r\n', 'latin1'),
    { A: ['\ufffd\ufffd'], 'B\ufffd': ['2'] },
  ],
  ['names of object members', 'NATS/1.0\r\n__proto__: 1\r\nconstructor: 2\r\n\r\n', { constructor: ['2'] }],
];

/** A stream removes the text after the version. */
const STATUS_BLOCKS: typeof BLOCKS = [
  ['a status without a number', 'NATS/1.0 abc\r\nA: 1\r\n\r\n', { A: ['1'] }],
  ['text behind the version', 'NATS/1.0garbage\r\nA: 1\r\n\r\n', { A: ['1'] }],
];

/** Blocks that cannot be read. */
const INVALID: readonly (readonly [string, string | Buffer])[] = [
  ['another version', 'NATS/2.0\r\nA: 1\r\n\r\n'],
  ['no version', 'A: 1\r\nB: 2\r\n\r\n'],
  ['lower case', 'nats/1.0\r\nA: 1\r\n\r\n'],
  ['a line end in front', '\r\nNATS/1.0\r\nA: 1\r\n\r\n'],
  ['bytes', Buffer.from([0, 255, 1, 13, 10])],
  ['less than the version', 'NATS'],
];

const record = ({ headers: block }: { readonly headers?: MsgHdrs | undefined }): Record<string, string[]> => {
  const entries = [...(block ?? [])].filter(([name]) => name !== '__proto__');
  return Object.fromEntries(entries);
};

describe.each(['direct', 'client'])('headers that arrive over the %s wire', (wire) => {
  it.each([...BLOCKS, ...STATUS_BLOCKS])(
    'are read as far as possible, with %s',
    async (_, block, expected) => {
      const connection = await open(wire);
      const subject = nuid.next();
      const received: Msg[] = [];
      connection.wire.subscribe(subject, { callback: (__, message) => void received.push(message) });
      await connection.nc.flush();
      await publisher.publish(subject, block, '', 'a.reply');
      await publisher.publish(subject, block, 'payload');
      await connection.nc.flush();
      expect(received.map(record)).toEqual([expected, expected]);
      expect(received.map((message) => message.string())).toEqual(['', 'payload']);
    },
  );

  it.each([...BLOCKS, ...INVALID])('reach a consumer with their raw block, with %s', async (...row) => {
    const [, block, expected] = row;
    const connection = await open(wire);
    const requests = new Requests(connection);
    const jetstream = new JetStreamService(connection, requests, { codec: jsonCodec, publish: {} });
    const name = nuid.next();
    const stream = await jetstream.createStream({ name, subjects: [name], storage: StorageType.Memory });
    const consumer = await stream.createConsumer({ durable: 'c' });
    await publisher.publish(name, block);
    await publisher.publish(name, block, 'payload');
    for (const payload of ['', 'payload']) {
      const message = await consumer.next();
      expect(message?.text()).toBe(payload);
      expect(message && record(message)).toEqual(expected ?? {});
      expect(message?.headersValid).toBe(expected !== undefined);
      expect(Buffer.from(message?.rawHeaders ?? [])).toEqual(Buffer.from(block));
      message?.ack();
    }
    expect(record(await stream.getMessage(1))).toEqual(expected ?? {});
  });

  it('are undefined for a message without any', async () => {
    const connection = await open(wire);
    const subject = nuid.next();
    const received: Msg[] = [];
    connection.wire.subscribe(subject, { callback: (_, message) => void received.push(message) });
    connection.wire.publish(subject, 'ü');
    await connection.nc.flush();
    expect(received[0].headers).toBeUndefined();
  });

  it('can be published again unchanged', async () => {
    const connection = await open(wire);
    const [from, to] = [nuid.next(), nuid.next()];
    const received: Msg[] = [];
    connection.wire.subscribe(from, {
      callback: (_, { headers: block }) => connection.wire.publish(to, '', '', block),
    });
    connection.wire.subscribe(to, { callback: (_, message) => void received.push(message) });
    await connection.nc.flush();
    await publisher.publish(from, 'NATS/1.0\r\nGröße: 1\nB: 2\r\nA: ü\r\n\r\n');
    await connection.nc.flush();
    await connection.nc.flush();
    expect(record(received[0])).toEqual({ Größe: ['1'], B: ['2'], A: ['ü'] });
  });
});

it.each([
  ['NATS/1.0 503\r\n\r\n', 503, '', '503'],
  ['NATS/1.0 100 Idle Heartbeat\r\nA: 1\r\n\r\n', 100, 'Idle Heartbeat', '100 Idle Heartbeat'],
  ['NATS/1.0 409 Leadership Change \r\n\r\n', 409, 'Leadership Change', '409 Leadership Change'],
  ['NATS/1.0   404   No   Messages\r\n\r\n', 404, 'No   Messages', '404 No   Messages'],
  ['NATS/1.0 99999999999999999999 x\r\n\r\n', 999_999_999, '99999999999 x', '999999999 99999999999 x'],
  ['NATS/1.0\r\n\r\n', 0, '', '0'],
])('a status is read: %j', (block, code, description, status) => {
  const read = MessageHeaders.decode(Buffer.from(block));
  expect(read).toMatchObject({ code, description, status, hasError: code >= 300 });
});

it('behave like those of the client', () => {
  const ours = new MessageHeaders();
  const theirs = headers();
  for (const block of [ours, theirs]) {
    block.append('content-type', ' text/plain ');
    block.append('Content-Type', 'a', Match.CanonicalMIME);
    block.append('CONTENT-TYPE', 'b', Match.IgnoreCase);
    block.set('X', '1');
    block.append('X', '2');
    block.set('gone', '1');
    block.delete('GONE', Match.IgnoreCase);
  }
  expect([...ours]).toEqual([...theirs]);
  for (const match of [undefined, Match.Exact, Match.CanonicalMIME, Match.IgnoreCase]) {
    for (const name of ['content-type', 'Content-Type', 'CONTENT-TYPE', 'x', 'X', 'gone']) {
      const read = (block: typeof theirs): unknown[] => [
        block.get(name, match),
        block.last(name, match),
        block.has(name, match),
        block.values(name, match),
      ];
      expect(read(ours)).toEqual(read(theirs));
    }
  }
  expect(ours.keys()).toEqual(theirs.keys());
  expect(ours.toString()).toBe((theirs as unknown as { toString(): string }).toString());
});

it.each([
  ['an umlaut in the name', 'ü', '1'],
  ['a colon in the name', 'a:b', '1'],
  ['a blank in the name', 'a b', '1'],
  ['no name', '', '1'],
  ['a line feed in the value', 'a', '1\n2'],
  ['a carriage return in the value', 'a', '1\r2'],
  ['a number as the value', 'a', 1 as unknown as string],
])('reject %s with an error of this library', (_, name, value) => {
  const block = new MessageHeaders();
  expect(() => block.append(name, value)).toThrow(InvalidArgumentError);
  expect(() => block.set(name, value)).toThrow(InvalidArgumentError);
});

it('are read in linear time', () => {
  const lines = '\n'.repeat(1_000_000);
  const started = performance.now();
  expect(MessageHeaders.decode(Buffer.from(`NATS/1.0\r\n${lines}a: 1\r\n\r\n`)).get('a')).toBe('1');
  expect(performance.now() - started).toBeLessThan(1_000);
});
