import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NatsTestServer } from '../../lib/testing/index.js';
import { FlightsProcess } from './flights-process.js';

interface Flight {
  readonly origin: string;
  readonly delay: number;
}

interface Totals {
  readonly flights: number;
  readonly late: number;
  readonly totalDelay: number;
}

const TIMEOUT = 600_000;

const dataset = new URL('../data/flights-20k.json', import.meta.resolve('vega-datasets'));
const flights = JSON.parse(await readFile(dataset, 'utf8')) as readonly Flight[];

describe('the sample 01-flights', () => {
  it(
    'starts its own server and ends with exact totals, a chart and a table',
    { timeout: TIMEOUT },
    async () => {
      const run = new FlightsProcess();
      expect(await run.ended, run.output).toBe(0);
      expect(run.output).toContain('20,000 published, 20,000 consumed, 0 lost');

      const output = (file: string) =>
        readFile(fileURLToPath(new URL(`../../sample/01-flights/output/${file}`, import.meta.url)), 'utf8');
      expect(await output('delays.svg')).toMatch(/^<svg [^]*>JFK<[^]*<\/svg>$/);
      expectExactTotals(await output('delays.json'));
    },
  );

  describe('on a permanent server', () => {
    let server: NatsTestServer;
    let nc: NatsConnection;
    let jsm: JetStreamManager;
    let run: FlightsProcess | undefined;

    beforeEach(async () => {
      server = await NatsTestServer.start();
      nc = await connect({ servers: server.url });
      jsm = await jetstreamManager(nc);
    });

    afterEach(async () => {
      run?.kill('SIGKILL');
      await nc.close();
      await server.stop();
    });

    it(
      'counts every flight exactly once, killed ten times and stopped by Ctrl-C',
      { timeout: TIMEOUT },
      async () => {
        // While it publishes and while it counts: each flight is a message, and a change of the bucket when counted.
        const moments = [
          ...randomMoments(3, 'flights.>', 6_000),
          ...randomMoments(7, '$KV.airport-delays.>', 2_500),
        ];
        const story = moments
          .map(({ subject, messages }) => `killed after ${messages} of ${subject}`)
          .join('\n');
        for (const { subject, messages } of moments) {
          run = await startUntil(subject, messages);
          run.kill('SIGKILL');
          expect(await run.ended, `${story}\n${run.output}`).toBe('SIGKILL');
        }

        run = await startUntil('$KV.airport-delays.>', 100);
        run.kill('SIGINT');
        expect(await run.ended, `${story}\n${run.output}`).toBe('SIGINT');
        expect(run.output).toMatch(/SIGINT: [\d,]+ flights counted/);

        const rest = flights.length - (await storedMessages('KV_airport-delays'));
        run = new FlightsProcess(server.url);
        expect(await run.ended, `${story}\n${run.output}`).toBe(0);
        expect(run.output).toContain('20,000 published, 20,000 consumed, 0 lost');
        expect(run.output).toMatch(
          new RegExp(`records consumed\\s+${rest.toLocaleString('en-US')}\\s+20,000`),
        );
        expect(await storedMessages('FLIGHTS')).toBe(flights.length);
        expect(await storedMessages('KV_airport-delays')).toBe(flights.length);
        expectExactTotals(await storedReport());
      },
    );

    /** Starts the sample and returns while it is running, after it has published that many messages. */
    async function startUntil(subject: string, messages: number): Promise<FlightsProcess> {
      const seen = nc.subscribe(subject, { max: messages, callback: () => undefined }).closed;
      const process = new FlightsProcess(server.url);
      await Promise.race([seen, process.ended]);
      if (!process.running) throw new Error(`ended before ${messages} of ${subject}\n${process.output}`);
      return process;
    }

    /** The number of messages that a stream has ever stored. */
    async function storedMessages(stream: string): Promise<number> {
      return (await jsm.streams.info(stream)).state.last_seq;
    }

    async function storedReport(): Promise<string> {
      const store = await new Objm(nc).open('flight-reports');
      const report = await store.getBlob('delays.json');
      return Buffer.from(report ?? []).toString('utf8');
    }
  });
});

function randomMoments(
  count: number,
  subject: string,
  most: number,
): { readonly subject: string; readonly messages: number }[] {
  return Array.from({ length: count }, () => ({ subject, messages: 1 + Math.floor(Math.random() * most) }));
}

function expectExactTotals(json: string): void {
  const report = JSON.parse(json) as { consumed: number; lost: number; airports: Record<string, Totals> };
  expect(report).toMatchObject({ published: flights.length, consumed: flights.length, lost: 0 });
  expect(Object.keys(report.airports).toSorted()).toEqual([...expected.keys()].toSorted());
  for (const [airport, totals] of expected) expect(report.airports[airport], airport).toMatchObject(totals);
}

const expected = new Map<string, Totals>();
for (const { origin, delay } of flights) {
  const { flights: count, late, totalDelay } = expected.get(origin) ?? { flights: 0, late: 0, totalDelay: 0 };
  expected.set(origin, {
    flights: count + 1,
    late: late + (delay >= 15 ? 1 : 0),
    totalDelay: totalDelay + delay,
  });
}
