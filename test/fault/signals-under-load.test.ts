import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stream } from '../../lib/jetstream/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { ConnectedPublisher } from '../jetstream/publishing/connected-publisher.js';
import type { BundledModule } from '../support/bundled-module.js';
import { eventually } from '../support/eventually.js';
import { Journal } from './journal.js';
import { buildLoadedService, LoadedService } from './loaded-service.js';

/** How many signals are sent; `faults.test.ts` kills services too. */
const SIGNALS = { SIGTERM: 100, SIGKILL: 30 };
/** How many services run at a time: each one receives the messages that the others return. */
const SERVICES = 2;
/** How many messages wait for each consumer when a service begins to work. */
const BACKLOG = 3_000;
const CONSUMERS = ['one-by-one', 'many', 'batches'];
const TIMEOUT = 600_000;

describe('handlers at full load, with signals to their service at random moments,', () => {
  let folder: string;
  let built: BundledModule;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'load-'));
    built = await buildLoadedService();
  });
  afterAll(async () => {
    await built[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it('handle each message exactly once with SIGTERM', { timeout: TIMEOUT }, async () => {
    const { ends, published, journal } = await run('SIGTERM', 30_000);
    expect(new Set(ends)).toEqual(new Set(['SIGTERM']));
    expect(journal.ended.size).toBe(published);
    expect(repeated(journal.begun)).toEqual([]);
    expect(repeated(journal.ended)).toEqual([]);
  });

  it(
    'lose no message, and acknowledge none before it is handled, with SIGKILL',
    { timeout: TIMEOUT },
    async () => {
      const { ends, published, journal } = await run('SIGKILL', 1_000);
      expect(new Set(ends)).toEqual(new Set(['SIGKILL']));
      expect(journal.ended.size).toBe(published);
      // Some messages were in flight when their service was killed; otherwise the test would prove nothing.
      expect(repeated(journal.begun).length).toBeGreaterThan(0);
    },
  );

  /** Runs services, sends each one a signal and starts it again; at the end, one service handles what remains. */
  async function run(signal: keyof typeof SIGNALS, ackWait: number) {
    await using server = await NatsTestServer.start();
    await using client = await ConnectedPublisher.connect(server);
    // Acknowledged messages are removed from the stream, so its content shows which ones the server counts as handled.
    const stream = await client.createStream({ name: 'LOAD', subjects: ['load.*'], retention: 'workqueue' });
    const path = join(folder, signal);
    using journal = new Journal(path);
    const ends: string[] = [];
    let bootTime = 300;
    let signals = 0;

    const inTurn = async (): Promise<void> => {
      while (signals < SIGNALS[signal]) {
        signals++;
        // The other service may have handled everything and be stopped before this one receives its first message.
        await topUp(client);
        const started = performance.now();
        const service = new LoadedService(built.url, server.url, path, ackWait);
        if (signals % 5 === 0) {
          await delay(Math.random() * bootTime);
        } else if (await service.working) {
          bootTime = performance.now() - started;
          await topUp(client);
          await delay(Math.random() * 150);
        }
        service.kill(signal);
        ends.push(await service.ended);
        await expectNoneUnfinished(stream, journal);
      }
    };
    await Promise.all(Array.from({ length: SERVICES }, inTurn));

    const last = new LoadedService(built.url, server.url, path, ackWait);
    const { state } = await eventually(
      () => stream.info(),
      (info) => info.state.messages === 0,
      60_000,
    );
    last.kill(signal);
    ends.push(await last.ended);
    await expectNoneUnfinished(stream, journal);
    return { ends, published: state.lastSequence, journal };
  }
});

async function topUp({ jetstream, publisher }: ConnectedPublisher): Promise<void> {
  for (const name of CONSUMERS) {
    const subject = `load.${name}`;
    const stream = await jetstream.stream('LOAD');
    const { state } = await stream.info({ subjectFilter: subject });
    const waiting = state.subjects?.[subject] ?? 0;
    for (let i = waiting; i < BACKLOG; i++) publisher.publishAsync(subject, '');
  }
  await publisher.publishAsyncComplete();
}

/** Checks that every message that the server counts as handled was noted as ended before. */
async function expectNoneUnfinished(stream: Stream, journal: Journal): Promise<void> {
  const { state } = await stream.info({ deletedDetails: true });
  journal.read();
  const gone = [...(state.deleted ?? [])];
  for (let sequence = 1; sequence < state.firstSequence; sequence++) gone.push(sequence);
  expect(gone.filter((sequence) => !journal.ended.has(sequence))).toEqual([]);
}

/** The sequences that were noted more than once. */
function repeated(counts: ReadonlyMap<number, number>): number[] {
  return [...counts].filter(([, count]) => count > 1).map(([sequence]) => sequence);
}
