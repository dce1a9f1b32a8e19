import { Logger } from '@nestjs/common';
import { connect, nuid, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectOver } from './connect-over.js';
import { JetStreamConnection } from '../../lib/connection/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { LogRecorder } from '../support/log-recorder.js';
import { RawPublisher } from './raw-publisher.js';

let server: NatsTestServer;
let raw: NatsConnection;
let logs: LogRecorder;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start({
    users: [{ user: 'all' }, { user: 'some', permissions: { subscribe: { deny: ['secret.>'] } } }],
  });
  raw = await connect(server.connectionFor('all'));
});
beforeEach(() => {
  logs = new LogRecorder();
  Logger.overrideLogger(logs);
});
afterEach(async () => {
  Logger.overrideLogger(false);
  await Promise.all(opened.splice(0).map((nc) => nc.close()));
});
afterAll(async () => {
  await raw.close();
  await server.stop();
});

async function open(
  wire: string,
  user = 'all',
): Promise<{ connection: JetStreamConnection; links: number[] }> {
  const nc = await connectOver(wire, { ...server.connectionFor(user), reconnectTimeWait: 20 });
  opened.push(nc);
  const connection = new JetStreamConnection('default', nc);
  const links: number[] = [];
  connection.listen({ onDisconnect: () => void links.push(Date.now()) });
  return { connection, links };
}

/** Values that a callback throws, with the text that is reported. */
const THROWN: readonly (readonly [string, unknown, string])[] = [
  ['an error', new Error('no luck'), 'no luck'],
  ['a type error', new TypeError('not a function'), 'not a function'],
  ['a string', 'just words', 'just words'],
  ['undefined', undefined, 'undefined'],
  ['an object without a prototype', Object.create(null), 'cannot be printed'],
  ['text with line ends', new Error('a\r\n[Nest] fake\u001b[31m'), 'a\\r\\n[Nest] fake\\u001b[31m'],
  [
    'an error whose message throws',
    Object.defineProperty(new Error(), 'message', {
      get: () => {
        throw new Error('within');
      },
    }),
    'cannot be printed',
  ],
];

describe.each(['direct', 'client'])('a callback that throws over the %s wire', (wire) => {
  it.each(THROWN)('does no harm to other messages and subscriptions: %s', async (_, thrown, words) => {
    const { connection, links } = await open(wire);
    const base = nuid.next();
    const received: string[] = [];
    const subscription = connection.wire.subscribe(`${base}.a`, {
      callback: (__, message) => {
        received.push(`a ${message.string()}`);
        throw thrown;
      },
    });
    for (const kind of ['b', 'c']) {
      const callback = (__: unknown, message: { string(): string }): void =>
        void received.push(`${kind} ${message.string()}`);
      if (kind === 'b') connection.wire.subscribe(`${base}.b`, { callback });
      else connection.nc.subscribe(`${base}.c`, { callback });
    }
    await connection.nc.flush();
    // They arrive in one chunk.
    for (let i = 0; i < 5; i++) for (const kind of ['a', 'b', 'c']) raw.publish(`${base}.${kind}`, String(i));
    await raw.flush();
    await connection.nc.flush();
    const expected = [0, 1, 2, 3, 4].flatMap((i) => ['a', 'b', 'c'].map((kind) => `${kind} ${i}`));
    expect(received).toEqual(expected);
    expect(links).toEqual([]);
    expect(subscription.isClosed()).toBe(false);
    expect(logs.of('error')).toHaveLength(1);
    expect(logs.of('error')[0]).toContain(`subscription to "${base}.a" failed`);
    expect(logs.of('error')[0]).toContain(words);
    for (const character of '\r\n\u001b') expect(logs.of('error')[0]).not.toContain(character);
  });

  it('does no harm when the application subscribed it, before or after', async () => {
    const nc = await connect(server.connectionFor('all'));
    opened.push(nc);
    const base = nuid.next();
    const received: string[] = [];
    const subscribe = (name: string, options: { max?: number } = {}): void =>
      void nc.subscribe(`${base}.${name}`, {
        ...options,
        callback: (_, message) => {
          received.push(`${name} ${message.string()}`);
          throw new Error(`thrown by ${name}`);
        },
      });
    subscribe('before');
    const connection = new JetStreamConnection('default', nc);
    if (wire === 'direct') await new Promise((resolve) => setImmediate(resolve));
    subscribe('after');
    subscribe('once', { max: 1 });
    await nc.flush();
    const kinds = wire === 'direct' ? ['before', 'after', 'once'] : ['after', 'once'];
    for (let i = 0; i < 3; i++) for (const kind of kinds) raw.publish(`${base}.${kind}`, String(i));
    await raw.flush();
    await nc.flush();
    const expected = kinds.flatMap((kind) =>
      kind === 'once' ? ['once 0'] : [0, 1, 2].map((i) => `${kind} ${i}`),
    );
    expect(received.toSorted()).toEqual(expected.toSorted());
    expect(connection.nc.isClosed()).toBe(false);
    expect(logs.of('error')).toHaveLength(kinds.length);
  });

  it('does no harm when it is called because its subscription was refused', async () => {
    const { connection, links } = await open(wire, 'some');
    const refused: string[] = [];
    const callback = (error: Error | null): void => {
      refused.push(error?.name ?? '');
      throw new Error('refused');
    };
    const subscription = connection.wire.subscribe('secret.wire', { callback });
    const own = connection.nc.subscribe('secret.own', { callback });
    const base = nuid.next();
    const received: string[] = [];
    connection.wire.subscribe(base, { callback: (_, message) => void received.push(message.string()) });
    await vi.waitFor(() => expect(refused).toHaveLength(2));
    await connection.nc.flush();
    raw.publish(base, 'still here');
    await vi.waitFor(() => expect(received).toEqual(['still here']));
    expect(refused.toSorted()).toEqual(['PermissionDeniedError', 'PermissionViolationError']);
    expect([subscription.isClosed(), own.isClosed()]).toEqual([true, true]);
    expect(links).toEqual([]);
  });

  it('does no harm when it reads invalid headers or payloads', async () => {
    const { connection, links } = await open(wire);
    await using publisher = await RawPublisher.connect(server.url, server.connectionFor('all'));
    const subject = nuid.next();
    const received: string[] = [];
    connection.wire.subscribe(subject, {
      callback: (_, message) => {
        message.headers?.get('a');
        received.push(message.string());
        message.json();
      },
    });
    await connection.nc.flush();
    for (let i = 0; i < 3; i++) await publisher.publish(subject, 'NATS/1.0\r\nü: 1\n2\r\n\r\n', `{${i}`);
    await connection.nc.flush();
    expect(received).toEqual(['{0', '{1', '{2']);
    expect(links).toEqual([]);
  });

  it('is reported once a minute for each subscription', async () => {
    const { connection } = await open(wire);
    const base = nuid.next();
    for (const name of ['a', 'b']) {
      connection.wire.subscribe(`${base}.${name}`, {
        callback: () => {
          throw new Error(name);
        },
      });
    }
    await connection.nc.flush();
    for (let i = 0; i < 2_000; i++) raw.publish(`${base}.${i % 2 === 0 ? 'a' : 'b'}`);
    await raw.flush();
    await connection.nc.flush();
    expect(logs.of('error')).toHaveLength(2);
  });
});
