import type { NatsConnection } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, JetStreamConnection } from '../../lib/connection/index.js';
import { RequestTimeoutError } from '../../lib/errors/index.js';
import { Requests } from '../../lib/requests/index.js';

let server: NatsTestServer;
let nc: NatsConnection;
let requests: Requests;
let connection: JetStreamConnection;

beforeEach(async () => {
  server = await NatsTestServer.start({ jetstream: false });
  nc = await connect({ servers: server.url, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
  connection = new JetStreamConnection('default', nc);
  requests = new Requests(connection);
});
afterEach(async () => {
  await nc.close();
  await server.stop();
});

/** Replies from the second request on; resolves when the first one has arrived. */
function answerTheSecond(subject: string): { readonly first: Promise<void>; count: number } {
  let seen: () => void = () => undefined;
  const state = { first: new Promise<void>((resolve) => (seen = resolve)), count: 0 };
  nc.subscribe(subject, {
    callback: (_error, msg) => {
      seen();
      if (++state.count > 1) msg.respond('answered');
    },
  });
  return state;
}

function disconnected(): Promise<void> {
  return event('onDisconnect');
}

function reconnected(): Promise<void> {
  return event('onReconnect');
}

function event(name: 'onDisconnect' | 'onReconnect'): Promise<void> {
  return new Promise((resolve) => {
    const stop = connection.listen({
      [name]: () => {
        stop();
        resolve();
      },
    });
  });
}

describe('a reconnect', () => {
  it('sends idempotent requests without a reply again', async () => {
    const service = answerTheSecond('work');
    const pending = requests.request('work', '', { idempotent: true });
    await service.first;

    await server.restart();
    expect((await pending).string()).toBe('answered');
    expect(service.count).toBe(2);
  });

  it('leaves other requests to their deadline', async () => {
    const service = answerTheSecond('work');
    const pending = requests.request('work', '', { timeout: 1_000 }).catch((error: unknown) => error);
    await service.first;

    const back = reconnected();
    await server.restart();
    await back;
    await nc.flush();
    expect(await pending).toMatchObject({ constructor: RequestTimeoutError, sent: true });
    expect(service.count).toBe(1);
  });

  it('sends requests that were made while the connection was down, in order', async () => {
    const received: string[] = [];
    nc.subscribe('work', {
      callback: (_error, msg) => {
        received.push(msg.string());
        msg.respond(msg.data);
      },
    });
    await nc.flush();
    const down = disconnected();
    await server.kill();
    await down;
    const pending = Array.from({ length: 500 }, (_, i) => requests.request('work', String(i)));

    await server.restart();
    const replies = await Promise.all(pending);
    expect(replies.map((reply) => reply.string())).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
    expect(received).toHaveLength(500);
    expect(received).toEqual(received.toSorted((a, b) => Number(a) - Number(b)));
  });
});

describe('a request made while the connection is down', () => {
  it('fails at its deadline as not sent, and is not sent later', async () => {
    const service = answerTheSecond('work');
    await nc.flush();
    const down = disconnected();
    await server.kill();
    await down;
    const error: unknown = await requests.request('work', '', { timeout: 60 }).catch((e: unknown) => e);
    expect(error).toMatchObject({ constructor: RequestTimeoutError, sent: false });

    const back = reconnected();
    await server.restart();
    await back;
    await nc.flush();
    expect(service.count).toBe(0);
  });
});
