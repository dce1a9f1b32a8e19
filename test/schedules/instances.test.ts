import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamService, type Stream } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModuleProcess } from '../consuming/idempotence/module-process.js';
import { startApplication } from '../support/application.js';
import { BundledModule } from '../support/bundled-module.js';
import { eventually } from '../support/eventually.js';
import { steps } from './support.js';

/** How long instances are killed, in seconds; `SCHEDULES_FOR=120` for the long form. */
const DURATION = Number(process.env.SCHEDULES_FOR ?? 24);
/** How often an instance is killed, in milliseconds. */
const KILL_EVERY = DURATION > 30 ? 10_000 : 6_000;
/** How long all instances are down, in milliseconds. */
const DOWNTIME = 10_000;

interface Effect {
  readonly schedule: string;
  readonly due: number;
}

let instance: BundledModule;
beforeAll(async () => {
  instance = await BundledModule.of(new URL('./fixtures/instance.ts', import.meta.url));
});
afterAll(() => instance[Symbol.asyncDispose]());

/** All effects, in the order in which they were stored. */
async function effectsOf(stream: Stream): Promise<Effect[]> {
  const { firstSequence, lastSequence } = (await stream.info()).state;
  const all: Effect[] = [];
  for (let sequence = Math.max(1, firstSequence); sequence <= lastSequence; sequence++) {
    all.push((await stream.getMessage(sequence)).json<Effect>());
  }
  return all;
}

function dueOf(effects: readonly Effect[], schedule: string): number[] {
  return effects
    .filter((effect) => effect.schedule === schedule)
    .map(({ due }) => due)
    .toSorted((a, b) => a - b);
}

describe.each(['2.15', '2.10'])('three instances on nats-server %s', (version) => {
  it(
    'miss no due time while one is killed again and again, and catch up after all were down',
    async () => {
      await using server = await NatsTestServer.start({ version });
      await using observer = await startApplication(server.url, {
        feature: { streams: [{ name: 'EFFECTS', subjects: ['effects'], duplicateWindow: 600_000 }] },
      });
      const stream = await observer.app.get(JetStreamService).stream('EFFECTS');
      const start = async (): Promise<ModuleProcess> => {
        const child = new ModuleProcess(instance.url, server.url);
        await child.printed('started');
        return child;
      };
      const instances = await Promise.all([start(), start(), start()]);
      try {
        await eventually(
          () => effectsOf(stream),
          ({ length }) => length > 0,
          20_000,
        );
        const end = Date.now() + DURATION * 1_000;
        for (let turn = 0; Date.now() < end; turn++) {
          await sleep(KILL_EVERY);
          await instances[turn % 3]?.kill();
          instances[turn % 3] = await start();
        }
        // The last due times before everything ends are handled by then.
        await sleep(8_000);
        const stopped = Math.floor(Date.now() / 1_000);
        await Promise.all(instances.map((each) => each.kill()));
        const before = await effectsOf(stream);
        for (const schedule of ['one', 'none']) {
          const due = dueOf(before, schedule);
          expect(due.length).toBeGreaterThan(DURATION);
          // No due time is missed, and none has two effects.
          expect(steps(due), `${schedule}: ${due.join(' ')}`).toEqual(due.slice(1).map(() => 1));
          expect(due.at(-1)).toBeGreaterThan(stopped - 4);
        }

        await sleep(DOWNTIME);
        const started = Math.floor(Date.now() / 1_000);
        instances[0] = await start();
        const after = await eventually(
          () => effectsOf(stream),
          (effects) => ['one', 'none'].every((each) => (dueOf(effects, each).at(-1) ?? 0) > started + 12),
          30_000,
        );
        // The latest missed due time is that before the first one at which an instance was connected again.
        const later = (schedule: string): number[] =>
          dueOf(after, schedule).filter((due) => due > stopped + 1);
        const [one, none] = [later('one'), later('none')];
        expect(one[0], `${one.join(' ')}, ${none.join(' ')}`).toBe(Number(none[0]) - 1);
        expect(one[0]).toBeGreaterThanOrEqual(started - 1);
        for (const due of [one, none]) expect(steps(due), due.join(' ')).toEqual(due.slice(1).map(() => 1));
      } finally {
        await Promise.all(instances.map((each) => each.kill()));
      }
    },
    (DURATION + 150) * 1_000,
  );
});
