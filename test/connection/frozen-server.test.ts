import { JetStreamError } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { within } from '../../lib/timing/index.js';
import { allHarmless, allOpenEnded, asking, obtain, outcomeOf, type Obtained } from './every-call.js';

/** The time of one request, in milliseconds. */
const TIMEOUT = 1_000;
/** The longest duration, in milliseconds, of a call that consists of several requests, on a loaded machine. */
const LONGEST = 8 * TIMEOUT;

/** The outcome of each call by its name; `still waiting` if it has not ended in time. */
type Outcomes = Readonly<Record<string, unknown>>;

describe.each(['direct', 'client'] as const)('on a server that hangs, through the %s wire', (wire) => {
  let server: NatsTestServer;
  let on: Obtained;
  let asked: Outcomes;
  let harmless: Outcomes;
  let afterwards: Outcomes;
  let closing: number;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    on = await obtain(server.url, wire, wire, TIMEOUT);
    server.pause();
    asked = await outcomesOf(asking, on);
    const { nc, app } = on;
    let end = (): void => {};
    const closed = new Promise<void>((resolve) => (end = resolve));
    const open = outcomesOf(allOpenEnded, on, closed);
    harmless = await outcomesOf(allHarmless, on);
    const start = performance.now();
    await app.close();
    closing = performance.now() - start;
    await within(2 * TIMEOUT, nc.close());
    end();
    afterwards = await open;
  });
  afterAll(async () => {
    server.resume();
    await server.stop();
  });

  it.each(asking.map(([name]) => name))('%s ends in time', (name) => {
    expect(asked[name]).toBeInstanceOf(JetStreamError);
  });

  it.each(allHarmless.map(([name]) => name))('%s ends', (name) => {
    expect(harmless[name]).toBe('no error');
  });

  it.each(allOpenEnded.map(([name]) => name))('%s ends with its connection', (name) => {
    expect(afterwards[name]).not.toBe('still waiting');
  });

  it('closes the application within its shutdownTimeout', () => {
    expect(closing).toBeLessThan(4_000);
  });
});

/** Makes all calls at once and waits for each one for a limited time after another promise has settled. */
async function outcomesOf(
  calls: readonly [string, (on: Obtained) => unknown][],
  on: Obtained,
  from: Promise<void> = Promise.resolve(),
): Promise<Outcomes> {
  const outcomes = await Promise.all(
    calls.map(async ([name, call]) => {
      const outcome = outcomeOf(() => call(on));
      await from;
      return [name, (await within(LONGEST, outcome)) ? await outcome : 'still waiting'] as const;
    }),
  );
  return Object.fromEntries(outcomes);
}
