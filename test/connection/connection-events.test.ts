import { Logger } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  connect,
  JetStreamConnection,
  openConnection,
  watchPermissions,
} from '../../lib/connection/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { startApplication } from '../support/application.js';
import { LogRecorder } from '../support/log-recorder.js';

let server: NatsTestServer;
let logs: LogRecorder;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
});
beforeEach(() => {
  logs = new LogRecorder();
  Logger.overrideLogger(logs);
});
afterEach(async () => {
  Logger.overrideLogger(false);
  await Promise.all(opened.splice(0).map((nc) => nc.close()));
});
afterAll(() => server.stop());

async function connected(url = server.url): Promise<NatsConnection> {
  const nc = await connect({ servers: url, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
  opened.push(nc);
  return nc;
}

/** The number of status iterators of the client. */
function statusIterators(nc: NatsConnection): number {
  return (nc as unknown as { protocol: { listeners: unknown[] } }).protocol.listeners.length;
}

it.each([
  ['an error', new Error('no luck')],
  ['undefined', undefined],
  ['an object without a prototype', Object.create(null)],
])('a listener that throws %s does not affect other listeners', async (_, thrown) => {
  await using own = await NatsTestServer.start();
  const connection = new JetStreamConnection('main', await connected(own.url));
  const heard: string[] = [];
  const fail = (): never => {
    throw thrown;
  };
  connection.listen({ onDisconnect: fail, onReconnect: fail, onClose: fail, onPermissionDenied: fail });
  connection.listen({
    onDisconnect: () => void heard.push('disconnect'),
    onReconnect: () => void heard.push('reconnect'),
    onClose: () => void heard.push('close'),
  });
  for (let round = 0; round < 2; round++) {
    await own.restart();
    await vi.waitFor(() => expect(heard).toHaveLength(2 * (round + 1)), 10_000);
  }
  await connection.nc.close();
  await vi.waitFor(() => expect(heard).toHaveLength(5));
  expect(heard).toEqual(['disconnect', 'reconnect', 'disconnect', 'reconnect', 'close']);
  // The same failure of the second round is not logged again.
  expect(logs.of('error')).toHaveLength(3);
  expect(logs.of('error')[0]).toContain('onDisconnect of a listener of connection "main" failed');
});

it('a listener of refused permissions that throws does not affect other listeners', async () => {
  await using own = await NatsTestServer.start({
    users: [{ user: 'u', permissions: { publish: { deny: ['no.>'] } } }],
  });
  const nc = await connect(own.connectionFor('u'));
  opened.push(nc);
  const connection = new JetStreamConnection('main', nc);
  const heard: string[] = [];
  watchPermissions(connection, () => {
    throw new Error('no luck');
  });
  const stop = watchPermissions(connection, (error) => void heard.push(error.message));
  nc.publish('no.1');
  await vi.waitFor(() => expect(heard).toHaveLength(1));
  stop();
  expect(heard[0]).toContain('no.1');
});

it('a shared connection releases everything of applications that have ended', async () => {
  const nc = await connected();
  const before = statusIterators(nc);
  const subscriptions = (nc as unknown as { protocol: { subscriptions: { size(): number } } }).protocol
    .subscriptions;
  const known = subscriptions.size();
  for (let i = 0; i < 20; i++) {
    const application = await startApplication([], { options: { connection: nc } as never });
    await application.app.close();
  }
  expect(nc.isClosed()).toBe(false);
  expect(statusIterators(nc)).toBe(before);
  expect(subscriptions.size()).toBe(known);
});

describe('draining a connection', () => {
  it.runIf(process.platform !== 'win32').each(['owned', 'shared'])(
    'ends in time even if the server is frozen: %s',
    async (kind) => {
      await using own = await NatsTestServer.start();
      const connection =
        kind === 'owned'
          ? await openConnection('main', { servers: own.url }, {})
          : new JetStreamConnection('main', await connected(own.url), {}, false);
      connection.wire.subscribe('a', { callback: () => undefined });
      await connection.nc.flush();
      own.pause();
      try {
        // More than the socket buffers hold, so that closing has to wait for the last bytes.
        for (let i = 0; i < 20; i++) connection.wire.publish('a', new Uint8Array(1_000_000));
        const started = performance.now();
        await connection.drain(300);
        expect(performance.now() - started).toBeLessThan(2_000);
        expect(connection.nc.isClosed()).toBe(kind === 'owned');
        expect(logs.of('warn').join()).toContain('did not confirm within 300 ms');
      } finally {
        own.resume();
      }
    },
  );

  it('sends buffered messages, and does nothing when repeated', async () => {
    const connection = await openConnection('main', { servers: server.url }, {});
    const other = await connected();
    const received: string[] = [];
    other.subscribe('b', { callback: (_, message) => void received.push(message.string()) });
    await other.flush();
    for (let i = 0; i < 100; i++) connection.wire.publish('b', String(i));
    await connection.drain(Infinity);
    await connection.drain();
    await other.flush();
    expect(received).toHaveLength(100);
    expect(logs.of('warn')).toEqual([]);
  });
});
