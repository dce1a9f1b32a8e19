import { randomBytes } from 'node:crypto';
import {
  connect as connectClient,
  headers,
  nuid,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type PublishOptions,
} from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { ConnectionClosedError, InvalidSubjectError, PayloadTooLargeError } from '../../lib/errors/index.js';
import { connect, JetStreamConnection } from '../../lib/connection/index.js';
import { ClientWire } from '../../lib/connection/wire/client-wire.js';
import type { ConnectionWire } from '../../lib/connection/wire/connection-wire.js';
import { DirectWire } from '../../lib/connection/wire/direct-wire.js';
import { JetStreamService, StorageType } from '../../lib/jetstream/index.js';
import { Requests } from '../../lib/requests/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';

let server: NatsTestServer;
let raw: NatsConnection;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
  raw = await connectClient({ servers: server.url });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nc) => nc.close()));
});
afterAll(async () => {
  await raw.close();
  await server.stop();
});

const eventually = (assertion: () => void): Promise<void> =>
  vi.waitFor(assertion, { timeout: 15_000, interval: 10 });

/** A message as both ends see it. */
interface Seen {
  readonly subject: string;
  readonly reply: string;
  readonly headers: Record<string, string[]>;
  /** Each character is a byte. */
  readonly data: string;
}

async function open(url = server.url): Promise<JetStreamConnection> {
  const nc = await connect({ servers: url, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
  opened.push(nc);
  return new JetStreamConnection('default', nc);
}

/** A connection that the application made with the client's own `connect`. */
async function openClients(): Promise<JetStreamConnection> {
  const nc = await connectClient({ servers: server.url });
  opened.push(nc);
  return new JetStreamConnection('default', nc);
}

/** The object that all connections on the same `NatsConnection` share. */
function shared(wire: JetStreamConnection['wire']): unknown {
  return (wire as ConnectionWire).shared;
}

function seen({ subject, reply = '', headers: block, data }: Msg): Seen {
  return { subject, reply, headers: block ? Object.fromEntries(block) : {}, data: latin1(data) };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function headersOf(record: Record<string, string[]>): MsgHdrs | undefined {
  const entries = Object.entries(record);
  if (entries.length === 0) return undefined;
  const block = headers();
  for (const [name, values] of entries) for (const value of values) block.append(name, value);
  return block;
}

/** Messages of all shapes: empty, short and long, with and without reply and headers. */
function messages(base: string): Seen[] {
  const sizes = [0, 1, 2, 100, 1_000, 16_383, 16_384, 70_000];
  return sizes.flatMap((size) => {
    const message = (kind: string, reply: string, record: Record<string, string[]>): Seen => ({
      subject: `${base}.${kind}.${size}`,
      reply,
      headers: record,
      data: latin1(randomBytes(size)),
    });
    return [
      message('plain', '', {}),
      message('reply', `${base}-answers.1`, {}),
      message('ünicode', '', {}),
      message('headers', '', { A: ['1', '2'], B: ['\u00fc'] }),
      message('both', `${base}-answers.ü`, { A: ['x'.repeat(300)] }),
    ];
  });
}

it('the wire is direct over links of this library', async () => {
  expect(shared((await open()).wire)).toBeInstanceOf(DirectWire);
});

describe.each([
  ['in one piece', undefined],
  ['in pieces of random sizes', 5_000],
  ['in small pieces', 400],
])('a message that the server sends %s', (_, size) => {
  it('arrives whole and in order, at subscriptions of the wire and of the client', async () => {
    await using proxy = await server.proxy();
    const connection = await open(proxy.url);
    const base = nuid.next();
    const [direct, client]: [Seen[], Seen[]] = [[], []];
    connection.wire.subscribe(`${base}.>`, { callback: (__, message) => void direct.push(seen(message)) });
    connection.nc.subscribe(`${base}.>`, { callback: (__, message) => void client.push(seen(message)) });
    await connection.nc.flush();
    if (size !== undefined) proxy.split(size);
    const sent = messages(base);
    for (const message of sent) {
      const { reply } = message;
      const block = headersOf(message.headers);
      const options: PublishOptions = block ? { reply, headers: block } : { reply };
      raw.publish(message.subject, Buffer.from(message.data, 'latin1'), options);
    }
    await raw.flush();
    await eventually(() => expect(direct).toHaveLength(sent.length));
    // The client's own commands are interleaved.
    await connection.nc.flush();
    expect(direct).toEqual(sent);
    expect(client).toEqual(sent);
  });
});

describe.each(['direct', 'client'])('a message published over the %s wire', (kind) => {
  const openWire = () => (kind === 'direct' ? open() : openClients());

  it('arrives whole and in order', async () => {
    const { wire, nc } = await openWire();
    expect(shared(wire)).toBeInstanceOf(kind === 'direct' ? DirectWire : ClientWire);
    const base = nuid.next();
    const received: Seen[] = [];
    raw.subscribe(`${base}.>`, { callback: (_, message) => void received.push(seen(message)) });
    await raw.flush();
    const sent = messages(base);
    for (const { subject, reply, data, headers: record } of sent) {
      wire.publish(subject, Buffer.from(data, 'latin1'), reply, headersOf(record));
    }
    for (const text of ['', 'text', 'ünï', 'x'.repeat(100_000), 'ü'.repeat(40_000), '\ud800']) {
      wire.publish(`${base}.text`, text);
      sent.push({ subject: `${base}.text`, reply: '', headers: {}, data: latin1(Buffer.from(text)) });
    }
    await nc.flush();
    await eventually(() => expect(received).toHaveLength(sent.length));
    expect(received).toEqual(sent);
  });

  it('arrives whole if each message is sent in its own turn', async () => {
    const { wire } = await openWire();
    const base = nuid.next();
    const received: Seen[] = [];
    raw.subscribe(`${base}.>`, { callback: (_, message) => void received.push(seen(message)) });
    await raw.flush();
    const sent: Seen[] = [];
    for (const message of messages(base)) {
      const data = Buffer.from(message.data, 'latin1');
      const record = headersOf(message.headers);
      wire.publish(message.subject, data, message.reply, record, true);
      // In the same turn as another message.
      wire.publish(message.subject, message.data, message.reply, record, true);
      sent.push(message, { ...message, data: latin1(Buffer.from(message.data)) });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => expect(received).toHaveLength(sent.length));
    expect(received).toEqual(sent);
  });

  it('is sent after earlier subscriptions of the client', async () => {
    const { wire, nc } = await openWire();
    const base = nuid.next();
    const received: string[] = [];
    for (let i = 0; i < 100; i++) {
      nc.subscribe(`${base}.${i}`, { callback: (_, message) => void received.push(message.string()) });
      wire.publish(`${base}.${i}`, String(i));
    }
    await eventually(() => expect(received).toEqual(Array.from({ length: 100 }, (_, i) => String(i))));
  });

  it('stays in order with messages of the client', async () => {
    const { wire, nc } = await openWire();
    const base = nuid.next();
    const received: string[] = [];
    raw.subscribe(base, { callback: (_, message) => void received.push(message.string()) });
    await raw.flush();
    const sent = Array.from({ length: 60 }, (_, i) => String(i));
    for (const [i, text] of sent.entries()) {
      // Alternating, and in runs.
      if (Math.floor(i / (1 + (i % 3))) % 2 === 0) wire.publish(base, text);
      else nc.publish(base, text);
    }
    // The answered message is the last one.
    await nc.flush();
    await raw.flush();
    expect(received).toEqual(sent);
  });

  it('is answered', async () => {
    const connection = await openWire();
    const base = nuid.next();
    raw.subscribe(base, { callback: (_, message) => void message.respond(`${message.string()}!`) });
    await raw.flush();
    const answer = new Promise<Msg>((resolve) => {
      connection.wire.subscribe(`${base}.answer`, { callback: (_, message) => resolve(message) });
    });
    connection.wire.publish(base, 'hello', `${base}.answer`);
    expect((await answer).string()).toBe('hello!');
    expect((await answer).respond('no reply subject')).toBe(false);
  });

  it('is rejected if it cannot be sent', async () => {
    const { wire, nc } = await openWire();
    expect(() => wire.publish('white space', '')).toThrow(InvalidSubjectError);
    expect(() => wire.publish('', '')).toThrow(InvalidSubjectError);
    expect(() => wire.publish('a\r\nPING', '')).toThrow(InvalidSubjectError);
    expect(() => wire.publish('a', '', 'white space')).toThrow(InvalidSubjectError);
    expect(() => wire.publish('a', new Uint8Array(1_048_577))).toThrow(PayloadTooLargeError);
    await nc.close();
    expect(() => wire.publish('a', '')).toThrow(ConnectionClosedError);
  });

  it('is rejected if the server would end the connection because of it', async () => {
    const { wire, nc } = await openWire();
    const [fits, exceeds] = [4_040, 4_096];
    expect(() => wire.publish('x'.repeat(exceeds), '')).toThrow(InvalidSubjectError);
    expect(() => wire.publish('ü'.repeat(exceeds / 2), '')).toThrow(InvalidSubjectError);
    expect(() => wire.publish('x'.repeat(fits), '', 'a'.repeat(100))).toThrow(InvalidSubjectError);
    const callback = (): void => {};
    expect(() => wire.subscribe('x'.repeat(exceeds), { callback })).toThrow(InvalidSubjectError);
    expect(() => wire.subscribe('x'.repeat(fits), { queue: 'a'.repeat(100), callback })).toThrow(
      InvalidSubjectError,
    );
    const received: number[] = [];
    for (const subject of ['x'.repeat(fits), 'ü'.repeat(fits / 2)]) {
      wire.subscribe(subject, { callback: (_, { subject: { length } }) => void received.push(length) });
      wire.publish(subject, 'x'.repeat(1_000));
    }
    await nc.flush();
    expect(received).toEqual([fits, fits / 2]);
  });

  it('carries streams, consumers and acknowledgements', async () => {
    const connection = await openWire();
    const jetstream = new JetStreamService(connection, new Requests(connection), {
      codec: jsonCodec,
      publish: {},
    });
    const name = nuid.next();
    const stream = await jetstream.createStream({
      name,
      subjects: [`${name}.>`],
      storage: StorageType.Memory,
    });
    const consumer = await stream.createConsumer({ durable: 'c' });
    for (let i = 0; i < 500; i++) jetstream.publishAsync(`${name}.a`, i);
    await jetstream.publishAsyncComplete();
    const received: unknown[] = [];
    await using _ = consumer.consume(async (message) => {
      await Promise.resolve();
      received.push(message.json());
      message.ack();
    });
    await vi.waitFor(async () =>
      expect(await consumer.info()).toMatchObject({ numAckPending: 0, numPending: 0 }),
    );
    expect(received).toEqual(Array.from({ length: 500 }, (__, i) => i));
  });

  it('is counted in the statistics of the client', async () => {
    const { wire, nc } = await openWire();
    const base = nuid.next();
    const subscription = wire.subscribe(base, { callback: () => undefined });
    const before = nc.stats();
    for (let i = 0; i < 10; i++) wire.publish(base, '12345');
    await eventually(() => expect(subscription.getReceived()).toBe(10));
    const { inMsgs, inBytes, outMsgs, outBytes } = nc.stats();
    expect(outMsgs - before.outMsgs).toBe(10);
    expect(outBytes - before.outBytes).toBe(50);
    expect(inMsgs - before.inMsgs).toBe(10);
    expect(inBytes - before.inBytes).toBe(50);
  });
});

it('the wire delivers nothing to a subscription that has ended', async () => {
  const connection = await open();
  const base = nuid.next();
  const received: string[] = [];
  const subscription = connection.wire.subscribe(base, {
    callback: (_, message) => {
      received.push(message.string());
      subscription.unsubscribe();
    },
  });
  await connection.nc.flush();
  for (let i = 0; i < 10; i++) raw.publish(base, String(i));
  await raw.flush();
  await connection.nc.flush();
  expect(received).toEqual(['0']);
});

it('the wire is the same object for all users of a connection', async () => {
  const { nc, wire } = await open();
  const others = Array.from({ length: 5 }, () => shared(new JetStreamConnection('other', nc).wire));
  expect(new Set([shared(wire), ...others]).size).toBe(1);
});

it('the wire continues after a reconnect, for all users of the connection', async () => {
  await using own = await NatsTestServer.start();
  const first = await open(own.url);
  const second = new JetStreamConnection('second', first.nc);
  const received: string[] = [];
  for (const { wire, name } of [first, second]) {
    wire.subscribe('a', { callback: (_, message) => void received.push(`${name} ${message.string()}`) });
  }
  for (const round of ['0', '1', '2']) {
    await first.nc.flush();
    second.wire.publish('a', round);
    // The server delivers to several subscriptions in any order.
    await eventually(() => expect(received.toSorted()).toEqual([`default ${round}`, `second ${round}`]));
    received.length = 0;
    const reconnected = new Promise<void>((resolve) => first.listen({ onReconnect: resolve }));
    await own.restart();
    await reconnected;
  }
});

describe('bytes that cannot be parsed end the link, and the client reconnects:', () => {
  const NONSENSE: readonly (readonly [string, string])[] = [
    ['no command', 'nonsense\r\n'],
    ['an empty line', '\r\n'],
    ['an unknown command with the first letter of a message', 'MXYZ a 1 0\r\n\r\n'],
    ['a message without arguments', 'MSG\r\n'],
    ['a message of one letter', 'M\n'],
    ['a message with a blank only', 'MSG \r\n'],
    ['a message with a subject only', 'MSG broken\r\n'],
    ['a message with a number for a subject', 'MSG 5\r\n'],
    ['a message without a length', 'MSG a 1 \r\n'],
    ['a message without a subscription', 'MSG a  5\r\n12345\r\n'],
    ['a message without a subject', 'MSG  1 5\r\n12345\r\n'],
    ['a negative length', 'MSG a 1 -5\r\n'],
    ['a negative subscription', 'MSG a -1 5\r\n12345\r\n'],
    ['a length that is not a number', 'MSG a 1 NaN\r\n'],
    ['a length with a point', 'MSG a 1 1.5\r\n'],
    ['a length of many digits', 'MSG a 1 99999999999999\r\n'],
    ['a length beyond all numbers', `MSG a 1 ${'9'.repeat(400)}\r\n`],
    ['a payload that is longer than its length', 'MSG a 1 2\r\n12345\r\nPING\r\n'],
    ['a payload that is shorter than its length', 'MSG a 1 8\r\n12345\r\nPING\r\n'],
    ['no carriage return', 'MSG a 1 5\n12345\r\n'],
    ['headers without lengths', 'HMSG a b c d\r\n'],
    ['headers without a second length', 'HMSG a 1 5\r\n12345\r\n'],
    ['headers that are longer than the message', 'HMSG a 1 9 5\r\n12345\r\n'],
    ['a negative length of headers', 'HMSG a 1 -9 5\r\n12345\r\n'],
    ['no length of headers', 'HMSG a 1  5\r\n12345\r\n'],
    ['information that is not JSON', 'INFO {"server_id"\r\n'],
    ['information that is null', 'INFO null\r\n'],
    ['empty information', 'INFO \r\n'],
    ['an empty error', '-ERR\r\n'],
    ['a line without an end', 'INFO '.padEnd(300_000, 'x')],
  ];

  it.each(NONSENSE)('%s', async (_, nonsense) => {
    await using proxy = await server.proxy();
    const connection = await open(proxy.url);
    const base = nuid.next();
    const received: string[] = [];
    connection.wire.subscribe(base, { callback: (__, message) => void received.push(message.string()) });
    await connection.nc.flush();
    // The second reconnect needs the direct wire to be in place on the new link.
    for (let round = 0; round < 2; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      const reconnected = new Promise<void>((resolve) => connection.listen({ onReconnect: resolve }));
      proxy.garbage(nonsense);
      await reconnected;
    }
    await connection.nc.flush();
    raw.publish(base, nonsense.slice(0, 100));
    await eventually(() => expect(received).toEqual([nonsense.slice(0, 100)]));
  });
});
