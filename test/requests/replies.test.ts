import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, JetStreamConnection } from '../../lib/connection/index.js';
import { ConnectionClosedError, NoRespondersError, RequestTimeoutError } from '../../lib/errors/index.js';
import { Requests, type Outcome } from '../../lib/requests/index.js';
import { eventually } from '../support/eventually.js';

describe('several replies to one request', () => {
  let server: NatsTestServer;
  let nc: NatsConnection;
  let requests: Requests;
  let outcomes: (string | Error)[];

  beforeAll(async () => {
    server = await NatsTestServer.start({ jetstream: false });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    nc = await connect({ servers: server.url });
    nc.subscribe('count', {
      callback: (_, message) => {
        for (let i = 1; i <= Number(message.string()); i++) message.respond(String(i));
      },
    });
    await nc.flush();
    requests = new Requests(new JetStreamConnection('main', nc));
    outcomes = [];
  });
  afterEach(() => nc.close());

  /** Records replies, and requests more until the given number has arrived. */
  function upTo(count: number): (...outcome: Outcome) => boolean {
    return (error, reply) => outcomes.push(error ?? reply.string()) < count;
  }

  const saw = (count: number) =>
    eventually(
      () => outcomes,
      ({ length }) => length >= count,
    );

  it('arrive one by one, until the handler needs no more', async () => {
    requests.open('count', '5', {}, upTo(3));
    await saw(3);
    await nc.flush();
    expect(outcomes).toEqual(['1', '2', '3']);
    expect(requests.size).toBe(0);
  });

  it('can be cancelled', async () => {
    const serial = requests.open('count', '5', {}, () => {
      outcomes.push('reply');
      requests.giveUp(serial);
      return true;
    });
    await saw(1);
    await nc.flush();
    expect(outcomes).toEqual(['reply']);
    expect(requests.size).toBe(0);
  });

  it('each restart the deadline', async () => {
    const received: Msg[] = [];
    nc.subscribe('slow', { callback: (_, message) => void received.push(message) });
    requests.open('slow', '', { timeout: 150 }, upTo(Infinity));
    await eventually(
      () => received,
      ({ length }) => length === 1,
    );
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 90));
      received[0].respond(String(i));
    }
    await saw(4);
    expect(outcomes.slice(0, 3)).toEqual(['0', '1', '2']);
    expect(outcomes[3]).toBeInstanceOf(RequestTimeoutError);
    expect(requests.size).toBe(0);
  });

  it('end with an error without responders, or if the connection closes', async () => {
    requests.open('unused', '', {}, upTo(Infinity));
    await saw(1);
    expect(outcomes[0]).toBeInstanceOf(NoRespondersError);
    requests.expect('later', {}, upTo(Infinity));
    requests.close();
    expect(outcomes[1]).toBeInstanceOf(ConnectionClosedError);
    expect(requests.open('count', '1', {}, upTo(Infinity))).toBe(-1);
    expect(requests.expect('later', {}, upTo(Infinity))).toBe(-1);
    expect(outcomes.slice(2)).toEqual([expect.any(ConnectionClosedError), expect.any(ConnectionClosedError)]);
  });

  it('are awaited for a request that was sent separately', async () => {
    const serial = requests.expect('count', { timeout: 2_000 }, upTo(2));
    nc.publish('count', '2', { reply: requests.replySubject(serial) });
    await saw(2);
    expect(outcomes).toEqual(['1', '2']);
  });

  it('continue after a handler that threw', async () => {
    requests.open('count', '1', {}, () => {
      throw new Error('thrown by the handler');
    });
    await eventually(
      () => requests.size,
      (size) => size === 0,
    );
    expect((await requests.request('count', '1')).string()).toBe('1');
  });
});
