import { Logger } from '@nestjs/common';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { connectOver } from '../connection/connect-over.js';
import { JetStreamConnection } from '../../lib/connection/index.js';
import {
  ConnectionClosedError,
  InvalidArgumentError,
  InvalidSubjectError,
  JetStreamError,
  PayloadTooLargeError,
  PermissionDeniedError,
} from '../../lib/errors/index.js';
import { JetStreamService } from '../../lib/jetstream/index.js';
import { Requests } from '../../lib/requests/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { LogRecorder } from '../support/log-recorder.js';

let server: NatsTestServer;
let raw: NatsConnection;
let logs: LogRecorder;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start({
    users: [
      { user: 'all' },
      { user: 'no-api', permissions: { publish: { deny: ['$JS.API.>', 'denied.>'] } } },
    ],
  });
  raw = await connect(server.connectionFor('all'));
  raw.subscribe('silent', { callback: () => undefined });
  raw.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
  await raw.flush();
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

async function open(wire = 'direct', user = 'all'): Promise<Requests> {
  const nc = await connectOver(wire, server.connectionFor(user));
  opened.push(nc);
  return new Requests(new JetStreamConnection('main', nc));
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome: unknown = await promise.catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  throw new Error('it should have failed');
}

describe.each(['direct', 'client'])('a request over the %s wire', (wire) => {
  it('without permission fails with the refusal, not by timeout, and others continue', async () => {
    const requests = await open(wire, 'no-api');
    const started = performance.now();
    const others = [requests.request('echo', 'a'), requests.request('echo', 'b')];
    const error = await failure(requests.request('denied.a', '', { timeout: 20_000 }));
    expect(error).toMatchObject({
      constructor: PermissionDeniedError,
      connection: 'main',
      operation: 'publish',
      subject: 'denied.a',
    });
    expect((await Promise.all(others)).map((reply) => reply.string())).toEqual(['a', 'b']);
    const jetstream = new JetStreamService(requests.connection, requests, { codec: jsonCodec, publish: {} });
    expect(await failure(jetstream.stream('S'))).toBeInstanceOf(PermissionDeniedError);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it.each([
    ['no subject', '', '', InvalidSubjectError],
    ['white space in the subject', 'a b', '', InvalidSubjectError],
    ['a subject that is too long', 'x'.repeat(5_000), '', InvalidSubjectError],
    ['a subject that is not a string', undefined as unknown as string, '', InvalidSubjectError],
    ['a payload that is too large', 'a', new Uint8Array(1_100_000), PayloadTooLargeError],
  ])('with %s fails with an error of this library', async (_, subject, data, type) => {
    const requests = await open(wire);
    expect(await failure(requests.request(subject, data))).toBeInstanceOf(type);
    expect(requests.size).toBe(0);
  });

  it.each([
    ['closed', (nc: NatsConnection) => nc.close()],
    ['drained', (nc: NatsConnection) => nc.drain()],
  ])('on a connection that is %s fails with an error of this library', async (_, end) => {
    const requests = await open(wire);
    await requests.request('echo', '');
    const pending = failure(requests.request('silent', '', { timeout: 20_000 }));
    await end(requests.connection.nc);
    expect(await pending).toBeInstanceOf(ConnectionClosedError);
    expect(await failure(requests.request('echo', ''))).toBeInstanceOf(ConnectionClosedError);
    expect(await failure(new Requests(requests.connection).request('echo', ''))).toBeInstanceOf(
      JetStreamError,
    );
  });

  it('that is refused calls back once, even with a callback that throws', async () => {
    const requests = await open(wire);
    const outcomes: unknown[] = [];
    const callback = (...outcome: unknown[]): never => {
      outcomes.push(outcome[0]);
      throw new Error('no luck');
    };
    expect(() => requests.send('a b', '', {}, callback)).not.toThrow();
    expect(() => requests.send('echo', '', { timeout: Number.NaN }, callback)).not.toThrow();
    expect(() => requests.send('echo', '', { signal: AbortSignal.abort() }, callback)).not.toThrow();
    expect(() => requests.open('a b', '', {}, callback)).not.toThrow();
    const abort = new AbortController();
    requests.send('silent', '', { signal: abort.signal }, callback);
    requests.send('silent', '', { signal: abort.signal }, () => void outcomes.push('other'));
    expect(() => abort.abort()).not.toThrow();
    requests.close();
    requests.send('echo', '', {}, callback);
    requests.open('echo', '', {}, callback);
    expect(outcomes).toHaveLength(8);
    expect((await failure((await open()).request('echo', '', { timeout: Number.NaN }))).constructor).toBe(
      InvalidArgumentError,
    );
  });

  it('is not affected by replies that are late, repeated or for another request', async () => {
    const requests = await open(wire);
    const replySubject = new Promise<string>((resolve) => {
      const subscription = raw.subscribe('asked', {
        callback: (_, message) => {
          subscription.unsubscribe();
          resolve(message.reply ?? '');
        },
      });
    });
    await raw.flush();
    const answers: string[] = [];
    requests.send('asked', '', {}, (error, reply) => void answers.push(error?.name ?? reply?.string() ?? ''));
    const reply = await replySubject;
    const inbox = reply.slice(0, reply.lastIndexOf('.'));
    for (const end of ['x', '-1', '1e3', '99999999999999999999', '0', 'NaN', '__proto__']) {
      raw.publish(`${inbox}.${end}`, 'foreign');
    }
    raw.publish(reply, 'the answer');
    raw.publish(reply, 'again');
    raw.publish(reply, 'and again');
    await raw.flush();
    await requests.connection.nc.flush();
    await vi.waitFor(() => expect(answers).toEqual(['the answer']));
    expect((await requests.request('echo', 'next')).string()).toBe('next');
    expect(answers).toEqual(['the answer']);
    expect(requests.size).toBe(0);
    expect(logs.of('error')).toEqual([]);
  });

  it.each([2 ** 31, 30 * 86_400_000, Infinity])('waits with a timeout of %d ms', async (timeout) => {
    const requests = await open(wire);
    const abort = new AbortController();
    const pending = failure(requests.request('silent', '', { timeout, signal: abort.signal }));
    // The deadlines of other requests are checked meanwhile.
    await failure(requests.request('silent', '', { timeout: 60 }));
    expect(requests.size).toBe(1);
    abort.abort(new Error('enough'));
    expect((await pending).message).toBe('enough');
  });
});

it('a request that is too large for the server after a reconnect fails, and does no harm', async () => {
  await using own = await NatsTestServer.start();
  const nc = await connectOver('direct', {
    servers: own.url,
    reconnectTimeWait: 20,
    maxReconnectAttempts: -1,
  });
  opened.push(nc);
  const connection = new JetStreamConnection('main', nc);
  const requests = new Requests(connection);
  const links: number[] = [];
  connection.listen({ onReconnect: () => void links.push(1) });
  const port = Number(new URL(own.url).port);
  await own.stop();
  await vi.waitFor(() => expect(connection.post('a', '', { purpose: 'a test' })).toBe(false));
  const large = failure(requests.request('a', new Uint8Array(50_000), { timeout: 15_000 }));
  // While the client reconnects, it does not check published messages.
  const publishing = setInterval(
    () => connection.post('a', new Uint8Array(50_000), { purpose: 'a test' }),
    1,
  );
  await using _ = await NatsTestServer.start({ port, config: { max_payload: 10_000 } });
  await vi.waitFor(() => expect(links).toHaveLength(1), 10_000).finally(() => clearInterval(publishing));
  expect(await large).toMatchObject({ constructor: PayloadTooLargeError, maximum: 10_000 });
  expect(connection.maxPayload).toBe(10_000);
  nc.subscribe('ok', { callback: (__, message) => void message.respond() });
  await nc.flush();
  await requests.request('ok', new Uint8Array(9_000));
  expect(links).toHaveLength(1);
});
