import type { NatsConnection } from '@nats-io/transport-node';
import { ConnectionClosedError, JetStreamError } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allHarmless, allOpenEnded, asking, obtain, outcomeOf, type Obtained } from './every-call.js';

let server: NatsTestServer;
const ENDS: readonly (readonly [string, (nc: NatsConnection) => Promise<unknown>])[] = [
  ['closed', (nc) => nc.close()],
  ['drained', (nc) => nc.drain()],
];

const obtained: Obtained[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(async () => {
  for (const { nc, app } of obtained) {
    await nc.close();
    await app.close();
  }
  await server.stop();
});

describe.each(['direct', 'client'] as const)('through the %s wire', (wire) => {
  describe.each(ENDS)('on a connection that was %s', (state, end) => {
    let on: Obtained;
    beforeAll(async () => {
      on = await obtain(server.url, `${wire}-${state}`, wire, 2_000);
      obtained.push(on);
      await end(on.nc);
    });

    it.each([...asking, ...allOpenEnded])('%s throws ConnectionClosedError', async (_, call) => {
      const outcome = await outcomeOf(() => call(on));
      expect(outcome).toBeInstanceOf(JetStreamError);
      expect(rootOf(outcome as Error)).toBeInstanceOf(ConnectionClosedError);
    });

    it.each(allHarmless)('%s works', async (_, call) => {
      expect(await outcomeOf(() => call(on))).toBe('no error');
    });
  });

  it('while a connection drains, every call ends with a result or an error of this library', async () => {
    const on = await obtain(server.url, `${wire}-draining`, wire, 2_000);
    obtained.push(on);
    const draining = on.nc.drain();
    const outcomes = await Promise.all(
      [...asking, ...allOpenEnded].map(
        async ([name, call]) => [name, await outcomeOf(() => call(on))] as const,
      ),
    );
    await draining;
    const foreign = outcomes.filter(
      ([, error]) => error !== 'no error' && !(error instanceof JetStreamError),
    );
    expect(foreign).toEqual([]);
  });
});

/** An error of this library can have the closed connection as its cause, and then has another text of its own. */
function rootOf(error: Error): Error {
  return error instanceof ConnectionClosedError || !(error.cause instanceof Error)
    ? error
    : rootOf(error.cause);
}
