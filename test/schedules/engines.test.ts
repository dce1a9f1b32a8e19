import { Injectable } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import {
  JetStreamService,
  JsSchedule,
  KeyValueService,
  ScheduleContext,
  type ScheduledRun,
  Schedules,
} from 'nestjs-nats-jetstream';
import { NatsTestCluster, NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { seconds, steps } from './support.js';

/** Starts an instance whose runs are collected. */
function start(urls: string | string[], runs: ScheduledRun[], replicas = 1): Promise<TestApplication> {
  @Injectable()
  class Reports {
    @JsSchedule('* * * * * *', { overlap: 'allow', idempotent: { bucket: 'claims' } })
    each(@Ctx() { run }: ScheduleContext): void {
      runs.push(run);
    }
  }
  return startApplication(urls, {
    providers: [Reports],
    options: { schedules: { stream: { replicas } } },
  });
}

async function engineOf(application: TestApplication, expected: string, timeout = 20_000): Promise<void> {
  await eventually(
    () => application.app.get(Schedules).get('Reports.each'),
    ({ engine }) => engine === expected,
    timeout,
  );
}

/** The instruction to the server; `undefined` if there is none. */
async function planOf({ app }: TestApplication): Promise<string | undefined> {
  const stream = await app.get(JetStreamService).stream('SCHEDULES');
  const message = await stream.getLastMessage('SCHEDULES.plan.Reports.each').catch(() => undefined);
  return message?.headers?.get('Nats-Schedule');
}

const distinct = (runs: readonly ScheduledRun[]): number[] =>
  [...new Set(seconds(runs))].toSorted((a, b) => a - b);

describe('the engine of a schedule', () => {
  it('changes with the version of the server, without a missed or repeated due time', async () => {
    const runs: ScheduledRun[] = [];
    await using server = await NatsTestServer.start({ version: '2.10' });
    {
      await using old = await start(server.url, runs);
      await engineOf(old, 'leader');
      await eventually(
        () => runs,
        ({ length }) => length >= 3,
      );
      expect(await planOf(old)).toBeUndefined();
      await server.kill();
      await server.restart({ version: '2.15' });
      await engineOf(old, 'server', 60_000);
      // The leader stores the engine first, publishes what was due meanwhile, and then the instruction.
      await eventually(
        () => planOf(old),
        (plan) => plan === '* * * * * *',
      );
      const before = runs.length;
      await eventually(
        () => runs,
        ({ length }) => length >= before + 3,
      );
    }
    const due = seconds(runs);
    expect(new Set(due).size, due.join(' ')).toBe(due.length);
    // Only the downtime of the server is missing, of which the latest due time is made up for.
    const long = steps(due).filter((step) => step > 1);
    expect(long.length, due.join(' ')).toBeLessThanOrEqual(1);
  }, 120_000);

  it('stays the leader while a server of the cluster is too old, and is one for all instances', async () => {
    const runs: ScheduledRun[] = [];
    await using cluster = await NatsTestCluster.start(3, { version: '2.10' });
    const [first, second] = cluster.servers;
    for (const server of [first, second]) {
      await server?.kill();
      await server?.restart({ version: '2.15' });
      await cluster.ready();
    }
    const urls = cluster.urls;
    const instances = await Promise.all(urls.map((url) => start(url, runs, 3)));
    try {
      for (const instance of instances) await engineOf(instance, 'leader', 40_000);
      await eventually(
        () => distinct(runs),
        ({ length }) => length >= 8,
        40_000,
      );
      const [one] = instances;
      if (one === undefined) throw new Error('there is no instance');
      expect(await planOf(one)).toBeUndefined();
      // Each instance sees the same engine, and it was stored once.
      const history = await one.app.get(KeyValueService).open('SCHEDULES');
      const entry = await history.getOrThrow('schedule.Reports.each');
      expect(entry.value).toMatchObject({ engine: 'leader' });
      const due = seconds(runs);
      expect(new Set(due).size, due.join(' ')).toBe(due.length);
      expect(
        steps(distinct(runs)).every((step) => step === 1),
        due.join(' '),
      ).toBe(true);
    } finally {
      await Promise.all(instances.map(({ app }) => app.close()));
    }
  }, 180_000);
});
