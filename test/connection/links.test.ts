import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';
import {
  connect as connectClient,
  nuid,
  wsconnect,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect, JetStreamConnection, openConnection } from '../../lib/connection/index.js';
import { isDirect } from '../../lib/connection/wire/wire-of.js';
import { findFreePorts } from '../../lib/testing/free-ports.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { LogRecorder } from '../support/log-recorder.js';
import { connectOver, WIRES } from './connect-over.js';

let server: NatsTestServer;
let webPort: number;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  [webPort] = await findFreePorts(1);
  server = await NatsTestServer.start({ config: { websocket: { port: webPort, no_tls: true } } });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nc) => nc.close()));
  Logger.overrideLogger(['log', 'error', 'warn']);
});
afterAll(() => server.stop());

const eventually = (assertion: () => void): Promise<void> =>
  vi.waitFor(assertion, { timeout: 15_000, interval: 10 });

const PATIENT: NodeConnectionOptions = { reconnectTimeWait: 20, maxReconnectAttempts: -1 };

async function opening(connecting: Promise<NatsConnection>): Promise<NatsConnection> {
  const nc = await connecting;
  opened.push(nc);
  return nc;
}

/** Lets a connection send messages to itself. */
async function expectWorking(nc: NatsConnection): Promise<void> {
  const { wire } = new JetStreamConnection('default', nc);
  const subject = nuid.next();
  const received: string[] = [];
  const through = wire.subscribe(subject, { callback: (_, message) => void received.push(message.string()) });
  const own = nc.subscribe(subject, { callback: (_, message) => void received.push(message.string()) });
  wire.publish(subject, 'one');
  nc.publish(subject, 'two');
  await nc.flush();
  await eventually(() => expect(received.toSorted()).toEqual(['one', 'one', 'two', 'two']));
  through.unsubscribe();
  own.unsubscribe();
}

describe('connections of one process', () => {
  it('keep their own links through reconnects in any order', async () => {
    await using proxy = await server.proxy();
    const ours = await opening(connect({ servers: proxy.url, ...PATIENT }));
    const clients = await opening(connectClient({ servers: proxy.url, ...PATIENT }));
    const second = await opening(connect({ servers: server.url, ...PATIENT }));
    expect([ours, clients, second].map(isDirect)).toEqual([true, false, true]);
    for (let round = 0; round < 3; round++) {
      for (const nc of [ours, clients, second]) await expectWorking(nc);
      const back = [ours, clients].map(reconnected);
      proxy.cut();
      await Promise.all(back);
      // In the reverse order: the client's own connection opens its link after ours.
      await linkedAgain(second);
    }
    for (const nc of [ours, clients, second]) await expectWorking(nc);
  });

  // Node 20 has no WebSocket of its own.
  it.skipIf(typeof WebSocket === 'undefined')('can be WebSockets if these are opened last', async () => {
    const ours = await opening(connect({ servers: server.url, ...PATIENT }));
    const web = await opening(wsconnect({ servers: `ws://127.0.0.1:${webPort}` }));
    await expectWorking(web);
    await expectWorking(ours);
    await linkedAgain(ours);
    await expectWorking(ours);
    await expectWorking(web);
  });
});

describe('an agent that listens to all sockets', () => {
  const { connect: original } = Socket.prototype;
  afterEach(() => {
    Socket.prototype.connect = original;
  });

  it.each(WIRES)('from the start does not affect the %s wire', async (wire) => {
    Socket.prototype.connect = function connectHeard(this: Socket, ...args: unknown[]) {
      this.on('data', () => undefined);
      return Reflect.apply(original, this, args) as Socket;
    };
    const nc = await opening(connectOver(wire, { servers: server.url }));
    await expectWorking(nc);
  });

  it.each(WIRES)('later does not affect the %s wire', async (wire) => {
    const sockets: Socket[] = [];
    Socket.prototype.connect = function connectSeen(this: Socket, ...args: unknown[]) {
      sockets.push(this);
      return Reflect.apply(original, this, args) as Socket;
    };
    const nc = await opening(connectOver(wire, { servers: server.url }));
    await expectWorking(nc);
    expect(sockets).toHaveLength(1);
    sockets[0].on('data', () => undefined);
    await expectWorking(nc);
  });
});

describe('a link that cannot be opened fails without leaving anything open:', () => {
  it.each<[string, (socket: Socket) => unknown, RegExp]>([
    ['the other side closes it', (socket) => socket.end(), /closed the connection/],
    [
      'the other side closes it behind its information',
      (socket) => socket.end('INFO {"server_id":"x","version":"2.10.0","max_payload":1000}\r\n'),
      /closed the connection before accepting it/,
    ],
    ['the other side resets it', (socket) => socket.resetAndDestroy(), /ECONNRESET|closed the connection/],
    [
      'another service answers',
      (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
      /not a NATS server/,
    ],
    ['the information is null', (socket) => socket.write('INFO null\r\n'), /not a NATS server/],
    [
      'bytes arrive before TLS',
      (socket) => socket.write('INFO {"tls_required":true}\r\nPING\r\n'),
      /unencrypted data between INFO and TLS/,
    ],
    ['the information is not JSON', (socket) => socket.write('INFO {"server_id"\r\n'), /not a NATS server/],
    [
      'the first line has no end',
      (socket) => socket.write('INFO '.padEnd(400_000, 'x')),
      /not a NATS server/,
    ],
    ['nothing comes', () => undefined, /timeout/i],
  ])('%s', async (_, act, message) => {
    const sockets: Socket[] = [];
    const other = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined).resume();
      act(socket);
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(connect({ port, timeout: 500, reconnect: false })).rejects.toThrow(message);
    await eventually(() => expect(sockets.every(({ destroyed }) => destroyed)).toBe(true));
    other.close();
  });
});

it('a link that ends in the same turn in which the server accepts it is opened again', async () => {
  let links = 0;
  const other = createServer((socket) => {
    const first = ++links === 1;
    socket.on('error', () => undefined);
    socket.write('INFO {"server_id":"x","version":"2.10.0","max_payload":1000}\r\n');
    socket.on('data', (bytes) => {
      if (!bytes.includes('PING')) return;
      socket.write(first ? 'PONG\r\nwhat no server says\r\n' : 'PONG\r\n');
    });
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const nc = await opening(connect({ port, ...PATIENT }));
  await eventually(() => expect(links).toBe(2));
  await nc.flush();
  other.close();
});

it('logs which wire is used, as chosen by the option', async () => {
  const logs = new LogRecorder();
  Logger.overrideLogger(logs);
  for (const wire of ['auto', 'client', undefined] as const) {
    const { nc } = await openConnection('default', { servers: server.url, wire }, {});
    opened.push(nc);
    expect(isDirect(nc)).toBe(wire !== 'client');
    await expectWorking(nc);
  }
  const ways = logs.of('log', 'NatsConnection').map((line) => line.split('; ', 2)[1]);
  expect(ways).toEqual([
    'messages use the direct wire',
    "messages go through the client's own connection",
    'messages use the direct wire',
  ]);
});

it('logs all traffic in debug mode, without credentials', async () => {
  await using guarded = await NatsTestServer.start({
    users: [{ user: 'u', password: 'a-secret-word' }],
  });
  const logs = new LogRecorder();
  Logger.overrideLogger(logs);
  const nc = await opening(connect({ servers: guarded.url, user: 'u', pass: 'a-secret-word', debug: true }));
  await expectWorking(nc);
  const text = logs.of('debug').join('\n');
  expect(text).toContain('CONNECT …');
  expect(text).toMatch(/^> MSG /m);
  expect(text).toMatch(/^< .*PUB /m);
  expect(text).not.toContain('a-secret-word');
});

/** Lets the client drop its link and open another one. */
async function linkedAgain(nc: NatsConnection): Promise<void> {
  const back = reconnected(nc);
  await nc.reconnect();
  await back;
}

function reconnected(nc: NatsConnection): Promise<void> {
  return (async () => {
    for await (const { type } of nc.status()) if (type === 'reconnect') return;
  })();
}
