import { getEventListeners } from 'node:events';
import type { ConnectionOptions, Msg, NatsConnection } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Logger } from '@nestjs/common';
import { connect, JetStreamConnection } from '../../lib/connection/index.js';
import {
  ConnectionClosedError,
  InboxPermissionError,
  NoRespondersError,
  RequestTimeoutError,
  TooManyPendingRequestsError,
} from '../../lib/errors/index.js';
import { Requests } from '../../lib/requests/index.js';

let server: NatsTestServer;
const open: NatsConnection[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start({ jetstream: false });
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const nc of open.splice(0)) await nc.close();
});

async function connected(options: ConnectionOptions = {}): Promise<NatsConnection> {
  const nc = await connect({
    servers: server.url,
    reconnectTimeWait: 20,
    maxReconnectAttempts: -1,
    ...options,
  });
  open.push(nc);
  return nc;
}

async function requestsOn(nc: NatsConnection, maxPending?: number): Promise<Requests> {
  // A service on the same connection is subscribed once the server has responded.
  await nc.flush();
  return new Requests(new JetStreamConnection('main', nc), maxPending);
}

/** Answers requests to `echo` with their payload. */
function echo(nc: NatsConnection): void {
  nc.subscribe('echo', { callback: (_error, msg) => void msg.respond(msg.data) });
}

/** Receives requests to `silent` without answering. */
function silent(nc: NatsConnection): { readonly received: Msg[]; next(): Promise<Msg> } {
  const received: Msg[] = [];
  let arrived: (() => void) | undefined;
  nc.subscribe('silent', {
    callback: (_error, msg) => {
      received.push(msg);
      arrived?.();
    },
  });
  return {
    received,
    async next() {
      const known = received.length;
      if (received.length === known) await new Promise<void>((resolve) => (arrived = resolve));
      return received[known];
    },
  };
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome: unknown = await promise.catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  throw new Error('it should have failed');
}

describe('replies', () => {
  it('resolve the request that they answer among many pending ones', async () => {
    const nc = await connected();
    echo(nc);
    const requests = await requestsOn(nc);

    const texts = Array.from({ length: 2_000 }, (_, i) => `request ${i}`);
    const replies = await Promise.all(texts.map((text) => requests.request('echo', text)));

    expect(replies.map((reply) => reply.string())).toEqual(texts);
    expect(requests.size).toBe(0);
  });

  it('arrive over one subscription', async () => {
    const nc = await connected({ name: 'one-subscription' });
    const responder = await connected();
    echo(responder);
    await responder.flush();
    const requests = await requestsOn(nc);
    await Promise.all(Array.from({ length: 100 }, () => requests.request('echo', '')));

    const connz = (await (await fetch(`${server.monitoringUrl}/connz`)).json()) as {
      connections: { name?: string; subscriptions: number }[];
    };
    expect(connz.connections.find(({ name }) => name === 'one-subscription')?.subscriptions).toBe(1);
  });

  it('use an inbox with the prefix of the connection', async () => {
    const nc = await connected({ inboxPrefix: 'my.own' });
    const service = silent(nc);
    const requests = await requestsOn(nc);
    const pending = requests.request('silent', '');

    const msg = await service.next();
    expect(msg.reply).toMatch(/^my\.own\.\w+\.\d+$/);
    msg.respond('done');
    expect((await pending).string()).toBe('done');
  });

  it('are dropped if they are late', async () => {
    const nc = await connected();
    const service = silent(nc);
    echo(nc);
    const requests = await requestsOn(nc);
    await failure(requests.request('silent', '', { timeout: 30 }));

    service.received[0].respond('late');
    const replies = await Promise.all(
      Array.from({ length: 600 }, (_, i) => requests.request('echo', String(i))),
    );
    expect(replies.map((reply) => reply.string())).toEqual(Array.from({ length: 600 }, (_, i) => String(i)));
  });

  it('reach a request after thousands of later ones', async () => {
    const nc = await connected();
    const service = silent(nc);
    echo(nc);
    const requests = await requestsOn(nc);
    const patient = requests.request('silent', '');
    const msg = await service.next();
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 200 }, () => requests.request('echo', 'x')));
    }
    msg.respond('at last');
    expect((await patient).string()).toBe('at last');
  });

  it('in the socket buffer count even if the process was busy until after the deadline', async () => {
    const requests = await requestsOn(await connected());
    // The server itself answers this one, while the process is busy.
    const reply = requests.request('$SYS.REQ.USER.INFO', '', { timeout: 100 });
    await new Promise<void>((resolve) => process.nextTick(resolve));
    for (const end = Date.now() + 300; Date.now() < end;);
    expect((await reply).json()).toHaveProperty('data.account');
  });
});

describe('a request fails', () => {
  it('at once without responders', async () => {
    const requests = await requestsOn(await connected());
    const started = performance.now();
    const error = await failure(requests.request('unused.subject', ''));
    expect(error).toBeInstanceOf(NoRespondersError);
    expect(error).toMatchObject({ subject: 'unused.subject' });
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('after its timeout, and not before', async () => {
    const nc = await connected();
    silent(nc);
    const requests = await requestsOn(nc);
    const started = performance.now();
    const error = await failure(requests.request('silent', '', { timeout: 120 }));
    const elapsed = performance.now() - started;
    expect(error).toBeInstanceOf(RequestTimeoutError);
    expect(error).toMatchObject({ subject: 'silent', timeout: 120, sent: true });
    expect(elapsed).toBeGreaterThanOrEqual(120);
    expect(elapsed).toBeLessThan(600);
  });

  it('at its own timeout, independent of other requests', async () => {
    const nc = await connected();
    silent(nc);
    const requests = await requestsOn(nc);
    const order: number[] = [];
    await Promise.all(
      [200, 50, 350].map(async (timeout) => {
        await failure(requests.request('silent', '', { timeout }));
        order.push(timeout);
      }),
    );
    expect(order).toEqual([50, 200, 350]);
  });

  it('if the inbox cannot be subscribed to, every time', async () => {
    await using strict = await NatsTestServer.start({
      jetstream: false,
      users: [{ user: 'u', permissions: { subscribe: 'mine.>' } }],
    });
    const login = strict.connectionFor('u');
    const forbidden = await requestsOn(await connected(login));
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await failure(forbidden.request('anything', ''));
      expect(error).toBeInstanceOf(InboxPermissionError);
      expect(error.message).toContain('inboxPrefix');
    }
    const allowed = await requestsOn(await connected({ ...login, inboxPrefix: 'mine' }));
    expect(await failure(allowed.request('anything', ''))).toBeInstanceOf(NoRespondersError);
  });

  it('if too many are pending', async () => {
    const nc = await connected();
    const service = silent(nc);
    const requests = await requestsOn(nc, 2);
    const pending = [requests.request('silent', '1'), requests.request('silent', '2')];
    const error = await failure(requests.request('silent', '3'));
    expect(error).toBeInstanceOf(TooManyPendingRequestsError);
    expect(error).toMatchObject({ connection: 'main', subject: 'silent', maximum: 2 });

    await nc.flush();
    expect(service.received.map((msg) => msg.string())).toEqual(['1', '2']);
    service.received.forEach((msg) => msg.respond());
    await Promise.all(pending);
    const again = requests.request('silent', '4');
    (await service.next()).respond();
    await again;
  });

  it('with the reason of its signal, before or after it is sent', async () => {
    const nc = await connected();
    const service = silent(nc);
    const requests = await requestsOn(nc);
    const reason = new Error('changed my mind');

    expect(await failure(requests.request('silent', '', { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(service.received).toHaveLength(0);

    const controller = new AbortController();
    const pending = requests.request('silent', '', { signal: controller.signal });
    await service.next();
    controller.abort(reason);
    expect(await failure(pending)).toBe(reason);
    expect(requests.size).toBe(0);
  });

  it('together with all others of its signal', async () => {
    const nc = await connected();
    silent(nc);
    const requests = await requestsOn(nc);
    const controller = new AbortController();
    const pending = Array.from({ length: 20 }, () =>
      failure(requests.request('silent', '', { signal: controller.signal })),
    );
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    const reason = new Error('shutting down');
    controller.abort(reason);
    expect(await Promise.all(pending)).toEqual(Array.from({ length: 20 }, () => reason));
  });

  it('without leaving listeners on the signal of one that succeeded', async () => {
    const nc = await connected();
    echo(nc);
    const requests = await requestsOn(nc);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 20 }, () => requests.request('echo', '', { signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('closing', () => {
  it('fails pending and later requests, by close() or with the connection', async () => {
    for (const close of [
      (requests: Requests) => requests.close(),
      (_: Requests, nc: NatsConnection) => nc.close(),
    ]) {
      const nc = await connected();
      const service = silent(nc);
      const requests = await requestsOn(nc);
      const pending = [1, 2, 3].map(() => failure(requests.request('silent', '')));
      await service.next();

      await close(requests, nc);
      for (const error of [...(await Promise.all(pending)), await failure(requests.request('silent', ''))]) {
        expect(error).toBeInstanceOf(ConnectionClosedError);
        expect(error).toMatchObject({ connection: 'main' });
      }
      expect(requests.size).toBe(0);
    }
  });
});

describe('a reply handler that throws', () => {
  it('is reported and does not affect others', async () => {
    const nc = await connected();
    echo(nc);
    const requests = await requestsOn(nc);
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      requests.send('echo', '', {}, () => {
        throw new Error('my mistake');
      });
      expect((await requests.request('echo', 'still alive')).string()).toBe('still alive');
      expect(logged.mock.calls[0][0]).toEqual(expect.stringMatching(/"echo" failed.*my mistake/));
    } finally {
      logged.mockRestore();
    }
  });
});
