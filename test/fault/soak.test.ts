import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  DeadLetters,
  Handlers,
  JetStreamError,
  JetStreamService,
  type ConsumerInfo,
} from 'nestjs-nats-jetstream';
import { NatsTestCluster, NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../lib/timing/index.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { OPERATIONS, type Calls } from '../trust/lost-servers/operations.js';
import { SHUTDOWN_TIMEOUT, SoakedApplication } from './soak/application.js';
import { FAULT_NAMES, FAULTS, pick, randomOf } from './soak/faults.js';
import type { Mistake } from './soak/handlers.js';
import { ACKNOWLEDGED, growth, History } from './soak/history.js';
import { Workload } from './soak/workload.js';

/** `SOAK_MINUTES=30 npx vitest run test/fault/soak.test.ts` is the long run; every run of the suite has a short one. */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 0.4);
const DURATION = MINUTES * 60_000;
/** `SOAK_SEED` repeats the faults of a run, though not their moments to the millisecond. */
const SEED = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** How much more memory the last third of a run may use than the first, in MiB, however long it is. */
const GROWTH = 10;
/** How long the recovery after the last fault may take, in milliseconds. */
const RECOVERY = 90_000;
/** The longest that a call may take, in milliseconds, on a machine with other work. */
const LONGEST_CALL = 30_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

it(
  `handlers of all kinds lose no message in ${MINUTES} minutes of random faults of a cluster`,
  { timeout: DURATION + 300_000 },
  async () => {
    await using cluster = await NatsTestCluster.start(3);
    const proxies = await Promise.all(cluster.servers.map((server) => server.proxy()));
    const logs = new LogRecorder();
    const history = new History();
    const sockets = openSockets();
    const application = await SoakedApplication.start(
      history,
      {
        servers: proxies.map(({ url }) => url),
        ignoreClusterUpdates: true,
        reconnectTimeWait: 100,
        reconnectJitter: 50,
      },
      logs,
    );
    const workload = await Workload.start(application, history);
    const { calls } = workload.operations;

    const random = randomOf(SEED);
    const faults: Record<string, number> = {};
    const memory: number[] = [];
    const end = performance.now() + DURATION;
    const counts = { lines: 0, errors: 0, failed: 0 };
    // Lines are counted, checked and then released, so that the run itself does not accumulate memory.
    const forget = (): void => {
      for (const { level } of logs.lines.splice(0)) {
        counts.lines++;
        if (level === 'error') counts.errors++;
      }
      for (const name of OPERATIONS) {
        const { errors } = calls[name];
        const typed = errors.filter((error) => error instanceof JetStreamError).length;
        counts.failed += typed;
        errors.splice(0, errors.length, ...errors.filter((error) => !(error instanceof JetStreamError)));
      }
    };
    const sampling = sampleMemory(memory, forget, () => performance.now() < end);
    while (performance.now() < end) {
      const fault = pick(random, FAULT_NAMES);
      faults[fault] = (faults[fault] ?? 0) + 1;
      await FAULTS[fault]({ cluster, proxies, random });
      await sleep(1_000 + 2_000 * random());
    }
    await sampling;
    await cluster.ready();

    // Everything works again: each operation succeeds, and subscriptions get messages.
    const before = Object.fromEntries(OPERATIONS.map((name) => [name, calls[name].succeeded]));
    const received = history.seen.core.size;
    const stuck = await settled(
      () => [
        ...OPERATIONS.filter((name) => calls[name].succeeded <= before[name] + 1),
        ...(history.seen.core.size > received + 20 ? [] : ['subscriptions']),
      ],
      RECOVERY,
    );
    await workload.stop();
    const missing = await settled(() => Object.entries(history.missing()).map(String), RECOVERY);
    const unseen = await settled(() => workload.unseen(), RECOVERY);
    const unsettled = await settled(() => unsettledMessages(application), RECOVERY);
    const states = application.app.get(Handlers).list();
    const letters = (await application.app.get(DeadLetters).page()).letters.length;
    const began = performance.now();
    await application.close();
    const closing = performance.now() - began;

    forget();
    console.log(
      JSON.stringify({
        seed: SEED,
        faults,
        stored: history.counts(),
        verified: workload.verified,
        calls: Object.fromEntries(OPERATIONS.map((name) => [name, outcomeOf(calls[name])])),
        memory: memory.map(Math.round),
        counts,
        closing: Math.round(closing),
      }),
    );
    expect(stuck).toEqual([]);
    expect(missing).toEqual([]);
    expect(history.problems).toEqual([]);
    expect(unseen).toEqual([]);
    expect(unsettled).toEqual([]);
    expect(letters).toBe(0);
    expect(states.filter(({ status }) => status !== 'running')).toEqual([]);
    expect(
      Object.entries(history.counts()).filter(([form, count]) => form !== 'forwarded' && count === 0),
    ).toEqual([]);
    expect(workload.verified.objects).toBeGreaterThan(0);
    expect(workload.verified.requests).toBeGreaterThan(0);
    for (const name of OPERATIONS) expect([name, ...untyped(calls[name].errors)]).toEqual([name]);
    for (const name of OPERATIONS) expect([name, calls[name].longest < LONGEST_CALL]).toEqual([name, true]);
    expect(growth(memory)).toBeLessThan(GROWTH);
    // There must not be a line for each of the thousands of messages that a fault affects.
    expect(counts.errors).toBeLessThan(200 + 400 * MINUTES);
    expect(closing).toBeLessThan(SHUTDOWN_TIMEOUT + 3_000);
    expect(await settled(() => (openSockets() > sockets ? [`${openSockets()} sockets`] : []), 5_000)).toEqual(
      [],
    );
  },
);

describe('a run without faults', () => {
  const runWith = async (mistake: Mistake): Promise<{ problems: string; missing: string[] }> => {
    await using nats = await NatsTestServer.start();
    const history = new History();
    const application = await SoakedApplication.start(history, { servers: nats.url }, new LogRecorder(), {
      replicas: 1,
      mistake,
    });
    const workload = await Workload.start(application, history);
    await sleep(2_500);
    await workload.stop();
    const missing = await settled(() => Object.keys(history.missing()), 2_000);
    await application.close();
    return { problems: history.problems.join('\n'), missing };
  };

  it.each<[string, Mistake, RegExp, boolean]>([
    [
      'a handler that acknowledges early',
      'acknowledges early',
      /async: .* before the handler had finished/,
      false,
    ],
    ['a handler that drops messages', 'drops messages', /before the handler had finished/, true],
    ['a handler that overtakes', 'overtakes', /keyed: .* begun while/, false],
    ['no mistake if there is none', 'none', /^$/, false],
  ])('finds %s', async (_, mistake, problem, isMissing) => {
    const { problems, missing } = await runWith(mistake);
    expect(problems).toMatch(problem);
    expect(missing.length > 0).toBe(isMissing);
  });
});

describe('the checks of a run find', () => {
  it.each<[string, (history: History) => void, RegExp]>([
    ['an acknowledgement that covers unfinished messages', coversUnfinished, /cumulative: 1 acknowledged/],
    [
      'an order that goes back',
      (history) => [1, 3, 2].forEach((each) => history.inOrder(each)),
      /ordered: 2 after 3/,
    ],
    [
      'a message that is delivered twice in order',
      (history) => [1, 1].forEach((each) => history.inOrder(each)),
      /1 after 1/,
    ],
    [
      'two messages of a key at once',
      (history) => [1, 2].forEach((each) => history.beginKey('a', each)),
      /keyed: 2/,
    ],
    [
      'an old value in a watch',
      (history) => [2, 1].forEach((each) => history.changed('a', each)),
      /revision 1 of "a"/,
    ],
    [
      'a core message that is delivered twice',
      (history) => [1, 1].forEach((each) => history.received(each)),
      /message 1 twice/,
    ],
  ])('%s', (_, act, problem) => {
    const history = new History();
    act(history);
    expect(history.problems.join()).toMatch(problem);
  });

  it('messages that were never handled, and results that never arrived', () => {
    const history = new History();
    for (const sequence of [1, 2]) history.stored('sync', sequence);
    history.finished('sync', 2);
    history.stored('forward', 3);
    history.finished('forward', 3);
    expect(history.missing()).toEqual({ sync: [1], 'results of forward': [3] });
  });

  it('memory that grows', () => {
    expect(growth([10, 11, 10, 12, 11, 60, 10, 11, 12])).toBeLessThan(5);
    expect(growth([10, 20, 30, 40, 50, 60, 70, 80, 90])).toBeGreaterThan(50);
  });
});

function coversUnfinished(history: History): void {
  for (const sequence of [1, 2]) history.stored('cumulative', sequence);
  history.finished('cumulative', 2);
  history.acknowledged('cumulative', 2, true);
}

/** Messages that the handlers' consumers have not delivered or settled. Expiring ordered consumers are skipped. */
async function unsettledMessages({ app }: SoakedApplication): Promise<string[]> {
  const handlers = app.get(Handlers).list();
  const current = new Set([...ACKNOWLEDGED, ...handlers.map(({ consumer }) => consumer)]);
  const infos: ConsumerInfo[] = [];
  for await (const info of app.get(JetStreamService).listConsumers('WORK')) infos.push(info);
  return infos
    .filter(({ name, numPending, numAckPending }) => current.has(name) && numPending + numAckPending > 0)
    .map(
      ({ name, numPending, numAckPending }) => `${name}: ${numPending} pending, ${numAckPending} unsettled`,
    );
}

/** The problems that still exist after some time, since some of them are temporary. */
async function settled(read: () => string[] | Promise<string[]>, timeout: number): Promise<string[]> {
  let last: string[] = ['it cannot be read'];
  const look = async (): Promise<string[]> =>
    (last = await Promise.resolve(read()).catch((error: unknown) => [String(error)]));
  await eventually(look, ({ length }) => length === 0, timeout).catch(() => undefined);
  return last;
}

async function sampleMemory(memory: number[], forget: () => void, running: () => boolean): Promise<void> {
  while (running()) {
    forget();
    collectGarbage();
    memory.push(process.memoryUsage().heapUsed / 1_048_576);
    await sleep(Math.min(20_000, DURATION / 12));
  }
}

function outcomeOf({ succeeded, longest }: Calls): object {
  return { succeeded, longest: Math.round(longest) };
}

function untyped(errors: readonly unknown[]): string[] {
  return [...new Set(errors.filter((error) => !(error instanceof JetStreamError)).map(String))];
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length;
}
