import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { JsSchedule, ScheduleContext, type ScheduledRun } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { seconds, startScheduled, steps, uniqueStream } from './support.js';

/** Longer than the silence after which due times count as missed, in milliseconds. */
const DOWNTIME = 9_000;

describe.each(['2.15', '2.10'])('after downtime, on nats-server %s', (version) => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  it('schedules run once for the latest missed due time, or not at all', async () => {
    const runs: ScheduledRun[] = [];
    const of = (name: string): ScheduledRun[] => runs.filter(({ schedule }) => schedule === name);
    const stream = uniqueStream();
    const start = (): Promise<TestApplication> => {
      @Injectable()
      class Reports {
        @JsSchedule('* * * * * *', { overlap: 'allow', name: 'one' })
        one(@Ctx() { run }: ScheduleContext): void {
          runs.push(run);
        }

        @JsSchedule('* * * * * *', { overlap: 'allow', name: 'none', catchUp: 'none' })
        none(@Ctx() { run }: ScheduleContext): void {
          runs.push(run);
        }

        @JsSchedule({ every: 1_000 }, { overlap: 'queue', name: 'every' })
        every(@Ctx() { run }: ScheduleContext): void {
          runs.push(run);
        }
      }
      return startScheduled(server, stream, [Reports]);
    };
    {
      await using _ = await start();
      await eventually(
        () => runs,
        () => ['one', 'none', 'every'].every((name) => of(name).length >= 3),
      );
    }
    const stopped = Date.now();
    runs.length = 0;
    await sleep(DOWNTIME);
    const started = Date.now();
    await using _ = await start();
    await eventually(
      () => runs,
      () =>
        ['one', 'none', 'every'].every(
          (name) => of(name).filter((run) => Number(run.dueTime) > Date.now() - 3_000).length >= 3,
        ),
      15_000,
    );
    const missed = (name: string): number[] =>
      seconds(of(name)).filter((second) => second * 1_000 > stopped + 1_000 && second * 1_000 < started);
    // The instance stored that it was connected up to two seconds before it stopped, and is connected a little later.
    expect(missed('one'), seconds(of('one')).join(' ')).toHaveLength(1);
    expect(missed('none'), seconds(of('none')).join(' ')).toHaveLength(0);
    expect(missed('every'), seconds(of('every')).join(' ')).toHaveLength(1);
    for (const name of ['one', 'none', 'every']) {
      const later = seconds(of(name)).filter((second) => second * 1_000 > started + 1_000);
      expect(
        steps(later).every((step) => step === 1),
        name,
      ).toBe(true);
    }
  });

  it('schedules run for every due time of a short interruption', async () => {
    const runs: ScheduledRun[] = [];
    const stream = uniqueStream();
    const start = (): Promise<TestApplication> => {
      @Injectable()
      class Reports {
        @JsSchedule('* * * * * *', { overlap: 'allow', catchUp: 'none' })
        each(@Ctx() { run }: ScheduleContext): void {
          runs.push(run);
        }
      }
      return startScheduled(server, stream, [Reports]);
    };
    {
      await using _ = await start();
      await eventually(
        () => runs,
        ({ length }) => length >= 2,
      );
    }
    await sleep(2_500);
    const before = runs.length;
    await using _ = await start();
    await eventually(
      () => runs,
      ({ length }) => length >= before + 5,
    );
    expect(steps(seconds(runs))).toEqual(runs.slice(1).map(() => 1));
  });
});
