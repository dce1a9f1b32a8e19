import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';

import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { InvalidArgumentError } from '../../lib/errors/index.js';
import { NatsTestServer, type NatsTestProxy } from '../../lib/testing/index.js';
import { eventually } from '../support/eventually.js';
import { RawLink } from './raw-link.js';

let server: NatsTestServer;
let proxy: NatsTestProxy;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await eventually(connectionsOfServer, (count) => count === 0);
  proxy = await server.proxy();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connection) => connection.close()));
  await proxy.close();
});

async function connectTo(url: string, options: NodeConnectionOptions = {}): Promise<NatsConnection> {
  const connection = await connect({ servers: url, reconnectTimeWait: 20, reconnectJitter: 0, ...options });
  opened.push(connection);
  return connection;
}

/** Records the data of all messages of a subject. */
function recordOf(connection: NatsConnection, subject: string): string[] {
  const received: string[] = [];
  connection.subscribe(subject, { callback: (_, message) => void received.push(message.string()) });
  return received;
}

async function greeted(link: RawLink): Promise<void> {
  await eventually(
    () => link.text,
    (text) => text.endsWith('\r\n'),
  );
}

/** The number of connections that the server has. */
async function connectionsOfServer(): Promise<number> {
  const response = await fetch(`${server.monitoringUrl}/connz`);
  return ((await response.json()) as { num_connections: number }).num_connections;
}

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

describe('NatsTestProxy without a disturbance', () => {
  it('passes everything on, and counts its links', async () => {
    expect(proxy.url).toBe(`nats://127.0.0.1:${proxy.port}`);
    expect(proxy.port).not.toBe(server.port);
    expect(proxy.connections).toBe(0);
    const connection = await connectTo(proxy.url);
    expect(connection.info?.server_name).toBe(server.name);
    expect(proxy.connections).toBe(1);
    const received = recordOf(connection, 'big');
    const sent = Array.from({ length: 20 }, (_, i) => String(i).repeat(500_000));
    for (const data of sent) connection.publish('big', data);
    await connection.flush();
    expect(received.map((data) => data.length)).toEqual(sent.map((data) => data.length));
    expect(received.every((data, i) => data === sent[i])).toBe(true);
    await connection.close();
    await eventually(
      () => proxy.connections,
      (count) => count === 0,
    );
    await eventually(connectionsOfServer, (count) => count === 0);
  });

  it('ends the link of a client when the server ends, and resets new ones while it is gone', async () => {
    await using other = await NatsTestServer.start();
    await using front = await other.proxy();
    using link = await RawLink.to(front.url);
    await greeted(link);
    await other.kill();
    await eventually(
      () => link.outcome,
      (outcome) => outcome !== undefined,
    );
    expect(link.outcome).toMatch(/^(end|ECONNRESET)$/);
    using late = await RawLink.to(front.url);
    await eventually(
      () => late.outcome,
      (outcome) => outcome === 'ECONNRESET',
    );
    await other.restart();
    using again = await RawLink.to(front.url);
    await greeted(again);
    await eventually(
      () => front.connections,
      (count) => count === 1,
    );
  });
});

describe('latency', () => {
  it('delays each direction, until it is 0 again', async () => {
    const connection = await connectTo(proxy.url);
    await connection.flush();
    proxy.latency(100);
    const slow = await timeOf(() => connection.flush());
    expect(slow).toBeGreaterThanOrEqual(200);
    expect(slow).toBeLessThan(600);
    proxy.latency(0);
    await connection.flush();
    expect(await timeOf(() => connection.flush())).toBeLessThan(100);
  });

  it('keeps messages in order while it changes, however many are in transit', async () => {
    const publisher = await connectTo(proxy.url);
    const observer = await connectTo(server.url);
    const received = recordOf(observer, 'sequence');
    await observer.flush();
    const sent: string[] = [];
    for (const latency of [30, 5, 0, 20, 1]) {
      proxy.latency(latency);
      for (let i = 0; i < 10; i++) {
        const id = `${sent.length}`;
        publisher.publish('sequence', id.padEnd(500_000));
        sent.push(id);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await publisher.flush();
    await observer.flush();
    expect(received.map((data) => data.trim())).toEqual(sent);
  });
});

describe('cut', () => {
  it('closes all links, and clients connect again', async () => {
    using link = await RawLink.to(proxy.url);
    const connection = await connectTo(proxy.url);
    const received = recordOf(connection, 'after');
    await greeted(link);
    expect(proxy.connections).toBe(2);
    const reconnected = waitForStatus(connection, 'reconnect');
    proxy.cut();
    await reconnected;
    expect(proxy.connections).toBe(1);
    await eventually(
      () => link.outcome,
      (outcome) => outcome === 'end',
    );
    connection.publish('after', 'x');
    await connection.flush();
    expect(received).toEqual(['x']);
  });

  it('discards what is in transit', async () => {
    const publisher = await connectTo(proxy.url);
    const observer = await connectTo(server.url);
    const received = recordOf(observer, 'lost');
    await observer.flush();
    proxy.latency(50);
    publisher.publish('lost', 'x');
    await new Promise((resolve) => setTimeout(resolve, 10));
    const reconnected = waitForStatus(publisher, 'reconnect');
    proxy.cut();
    proxy.latency(0);
    await reconnected;
    publisher.publish('lost', 'y');
    await publisher.flush();
    await observer.flush();
    expect(received).toEqual(['y']);
  });
});

describe('refuse', () => {
  it('resets new links, keeps open ones, and ends with accept', async () => {
    using before = await RawLink.to(proxy.url);
    await greeted(before);
    proxy.refuse();
    using refused = await RawLink.to(proxy.url);
    await eventually(
      () => refused.outcome,
      (outcome) => outcome === 'ECONNRESET',
    );
    expect(refused.chunks).toEqual([]);
    expect(proxy.connections).toBe(1);
    before.send('CONNECT {}\r\nPING\r\n');
    await eventually(
      () => before.text,
      (text) => text.endsWith('PONG\r\n'),
    );
    proxy.accept();
    using after = await RawLink.to(proxy.url);
    await greeted(after);
  });
});

describe('halfOpen', () => {
  it.each([
    ['both', [], []],
    ['from-server', [], ['to the server']],
    ['from-client', ['to the client'], []],
  ] as const)('%s: discards bytes, keeps links', async (direction, toClient, toServer) => {
    const connection = await connectTo(proxy.url, { pingInterval: 60_000 });
    const observer = await connectTo(server.url);
    const [atClient, atServer] = [recordOf(connection, 'client'), recordOf(observer, 'server')];
    await connection.flush();
    await observer.flush();
    proxy.halfOpen(direction);
    connection.publish('server', 'to the server');
    observer.publish('client', 'to the client');
    // What is not discarded arrives in much less time.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect({ atClient, atServer }).toEqual({ atClient: toClient, atServer: toServer });
    expect(proxy.connections).toBe(1);
    expect(await connectionsOfServer()).toBe(2);
    proxy.heal();
    await connection.flush();
    connection.publish('server', 'again');
    observer.publish('client', 'again');
    await Promise.all([connection.flush(), observer.flush()]);
    await connection.flush();
    expect({ atClient, atServer }).toEqual({
      atClient: [...toClient, 'again'],
      atServer: [...toServer, 'again'],
    });
  });

  it('opens new links without a greeting', async () => {
    proxy.halfOpen();
    using link = await RawLink.to(proxy.url);
    await eventually(connectionsOfServer, (count) => count === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(link.chunks).toEqual([]);
    expect(link.outcome).toBeUndefined();
  });

  it('hides that a client has gone, until heal', async () => {
    const link = await RawLink.to(proxy.url);
    await greeted(link);
    proxy.halfOpen();
    link.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await connectionsOfServer()).toBe(1);
    proxy.heal();
    await eventually(connectionsOfServer, (count) => count === 0);
    await eventually(
      () => proxy.connections,
      (count) => count === 0,
    );
  });

  it('hides that the server has gone, until heal', async () => {
    await using other = await NatsTestServer.start();
    await using front = await other.proxy();
    using link = await RawLink.to(front.url);
    await greeted(link);
    front.halfOpen('from-server');
    await other.kill();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(link.outcome).toBeUndefined();
    front.heal();
    await eventually(
      () => link.outcome,
      (outcome) => outcome !== undefined,
    );
    await eventually(
      () => front.connections,
      (count) => count === 0,
    );
  });
});

describe('slowClose', () => {
  it('lets the client notice the end of the server later', async () => {
    await using other = await NatsTestServer.start();
    await using front = await other.proxy();
    using link = await RawLink.to(front.url);
    await greeted(link);
    front.slowClose(150);
    const began = performance.now();
    await other.kill();
    const endedAt = await eventually(
      () => link.endedAt,
      (time) => time !== undefined,
    );
    expect((endedAt ?? 0) - began).toBeGreaterThanOrEqual(150);
    await eventually(
      () => front.connections,
      (count) => count === 0,
    );
  });

  it('lets the server notice the end of a client later, after everything that it has sent', async () => {
    const observer = await connectTo(server.url);
    const received = recordOf(observer, 'last');
    await observer.flush();
    const link = await RawLink.to(proxy.url);
    await greeted(link);
    proxy.slowClose(150);
    const began = performance.now();
    link.socket.end('CONNECT {"verbose":false}\r\nPUB last 1\r\nx\r\n');
    await eventually(
      () => received,
      (list) => list.length === 1,
    );
    expect(performance.now() - began).toBeLessThan(150);
    expect(await connectionsOfServer()).toBe(2);
    await eventually(connectionsOfServer, (count) => count === 1);
    expect(performance.now() - began).toBeGreaterThanOrEqual(150);
  });
});

describe('split', () => {
  it('sends the bytes of the server in small chunks, and changes none', async () => {
    proxy.split(3);
    using link = await RawLink.to(proxy.url);
    await greeted(link);
    expect(link.chunks.length).toBeGreaterThan(20);
    expect(link.text).toMatch(/^INFO \{.*\} \r\n$/);
    const connection = await connectTo(proxy.url);
    const received = recordOf(connection, 'split');
    const sent = ['', 'x', 'y'.repeat(1_000)];
    for (const data of sent) connection.publish('split', data);
    await connection.flush();
    expect(received).toEqual(sent);
  });
});

describe('garbage', () => {
  it.each([
    ['text', 'üx', Buffer.from('üx')],
    ['bytes', Uint8Array.of(0, 255, 13, 10), Buffer.of(0, 255, 13, 10)],
    ['a line by default', undefined, Buffer.from('this is not the NATS protocol\r\n')],
  ])('reaches the client unchanged: %s', async (_, bytes, expected) => {
    using link = await RawLink.to(proxy.url);
    await greeted(link);
    link.chunks.length = 0;
    proxy.garbage(bytes);
    await eventually(
      () => Buffer.concat(link.chunks).length,
      (length) => length >= expected.length,
    );
    expect(Buffer.concat(link.chunks).equals(expected)).toBe(true);
  });
});

describe('heal', () => {
  it('ends all disturbances', async () => {
    const connection = await connectTo(proxy.url);
    proxy.latency(10_000);
    proxy.slowClose(10_000);
    proxy.halfOpen();
    proxy.split(1);
    proxy.refuse();
    proxy.heal();
    await connection.flush();
    using link = await RawLink.to(proxy.url);
    await greeted(link);
    expect(proxy.connections).toBe(2);
    link.socket.destroy();
    await eventually(connectionsOfServer, (count) => count === 1);
  });
});

describe('close', () => {
  it('closes the links and the port, and can be called again', async () => {
    using link = await RawLink.to(proxy.url);
    await greeted(link);
    await proxy.close();
    await proxy.close();
    expect(proxy.connections).toBe(0);
    await eventually(
      () => link.outcome,
      (outcome) => outcome === 'end',
    );
    await expect(once(connectSocket(proxy.port, '127.0.0.1'), 'connect')).rejects.toThrow(/ECONNREFUSED/);
    proxy.heal();
    proxy.cut();
    proxy.garbage();
  });

  it('is part of stop of the server, which starts no proxies afterwards', async () => {
    const other = await NatsTestServer.start();
    const front = await other.proxy();
    await other.stop();
    await expect(RawLink.to(front.url)).rejects.toThrow(/ECONNREFUSED/);
    await expect(other.proxy()).rejects.toThrow(/was stopped/);
  });
});

it.each<[string, (front: NatsTestProxy) => void]>([
  ['a negative latency', (front) => front.latency(-1)],
  ['an infinite latency', (front) => front.latency(Infinity)],
  ['a latency that is not a number', (front) => front.latency(Number.NaN)],
  ['a negative delay', (front) => front.slowClose(-1)],
  ['an unknown direction', (front) => front.halfOpen('up' as 'both')],
  ['an inherited direction', (front) => front.halfOpen('toString' as 'both')],
  ['chunks of no bytes', (front) => front.split(0)],
  ['a part of a byte', (front) => front.split(1.5)],
  ['garbage that is a number', (front) => front.garbage(7 as unknown as string)],
])('rejects %s', (_, act) => {
  expect(() => act(proxy)).toThrow(InvalidArgumentError);
});

async function waitForStatus(connection: NatsConnection, type: string): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === type) return;
  }
}
