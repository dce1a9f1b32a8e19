import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  InvalidArgumentError,
  JetStreamService,
  JsSchedule,
  KeyValueService,
  NotConnectedError,
  ScheduleContext,
  type ScheduledRun,
  ScheduleNotFoundError,
  Schedules,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { seconds, startScheduled, steps, uniqueStream, VERSIONS } from './support.js';

describe.each(VERSIONS)('Schedules on nats-server %s', (version) => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  const runs: (ScheduledRun & { payload: unknown })[] = [];

  @Injectable()
  class Reports {
    @JsSchedule('* * * * * *', { timeZone: 'Europe/Amsterdam' })
    each(@Ctx() { run }: ScheduleContext, @Payload() payload: unknown): void {
      runs.push({ ...run, payload });
    }

    @JsSchedule('@yearly', { name: 'year' })
    yearly(@Ctx() { run }: ScheduleContext, @Payload() payload: unknown): void {
      runs.push({ ...run, payload });
    }
  }

  it('lists schedules with their next and last runs', async () => {
    const stream = uniqueStream();
    await using application = await startScheduled(server, stream, [Reports]);
    const schedules = application.app.get(Schedules);
    const [each, year] = await eventually(
      () => schedules.list(),
      (all) => all.every(({ engine }) => engine !== undefined) && all[0]?.lastRun !== undefined,
    );
    const engine = version === '2.15' ? 'server' : 'leader';
    expect(each).toMatchObject({
      name: 'Reports.each',
      handler: 'Reports.each',
      application: 'default',
      connection: 'default',
      stream,
      cron: '* * * * * *',
      timeZone: 'Europe/Amsterdam',
      every: undefined,
      at: undefined,
      engine,
      paused: false,
      lastRun: { outcome: 'succeeded', attempt: 1, trigger: 'schedule', error: undefined },
    });
    expect(Number(each?.nextDueTime) - Date.now()).toBeLessThanOrEqual(1_000);
    const next = new Date(Date.UTC(new Date().getUTCFullYear() + 1, 0, 1));
    expect(year).toMatchObject({
      name: 'year',
      handler: 'Reports.yearly',
      nextDueTime: next,
      lastRun: undefined,
    });
  });

  it('pauses and resumes from any instance, also across a restart', async () => {
    const stream = uniqueStream();
    runs.length = 0;
    const start = (): Promise<TestApplication> => startScheduled(server, stream, [Reports]);
    {
      await using one = await start();
      await using other = await start();
      await eventually(
        () => runs,
        ({ length }) => length >= 2,
      );
      expect(await other.app.get(Schedules).pause('Reports.each')).toBe(true);
      expect(await one.app.get(Schedules).pause('Reports.each')).toBe(false);
    }
    await using again = await start();
    const schedules = again.app.get(Schedules);
    expect(await schedules.get('Reports.each')).toMatchObject({ paused: true, nextDueTime: undefined });
    const paused = runs.length;
    await sleep(2_500);
    expect(runs).toHaveLength(paused);
    const resumedAt = Date.now();
    expect(await schedules.resume('Reports.each')).toBe(true);
    expect(await schedules.resume('Reports.each')).toBe(false);
    await eventually(
      () => runs,
      ({ length }) => length >= paused + 3,
    );
    const later = runs.slice(paused);
    expect(later[0]?.dueTime.getTime()).toBeGreaterThan(resumedAt);
    expect(steps(seconds(later)).every((step) => step === 1)).toBe(true);
  });

  it('runs now, with a payload, also while the schedule is paused', async () => {
    await using application = await startScheduled(server, uniqueStream(), [Reports]);
    const schedules = application.app.get(Schedules);
    await schedules.pause('year');
    runs.length = 0;
    const id = await schedules.runNow('Reports.yearly', { of: 2026 });
    const run = await eventually(
      () => runs.find(({ schedule }) => schedule === 'year'),
      (found) => found !== undefined,
    );
    expect(run).toMatchObject({ id, trigger: 'now', payload: { of: 2026 }, attempt: 1 });
    expect(Math.abs(Number(run?.dueTime) - Date.now())).toBeLessThan(5_000);
  });

  it('plans a run for a single time, and cancels one', async () => {
    await using application = await startScheduled(server, uniqueStream(), [Reports]);
    const schedules = application.app.get(Schedules);
    runs.length = 0;
    const time = new Date(Date.now() + 1_200);
    const kept = await schedules.at('year', time, 'kept');
    const canceled = await schedules.at('year', time, 'canceled');
    const passed = await schedules.at('year', new Date(Date.now() - 60_000));
    expect(await schedules.cancel('year', canceled)).toBe(true);
    expect(await schedules.cancel('year', canceled)).toBe(false);
    const yearly = (): typeof runs => runs.filter(({ schedule }) => schedule === 'year');
    await eventually(yearly, ({ length }) => length === 2);
    await sleep(500);
    expect(yearly()).toMatchObject([
      { id: passed, trigger: 'at', payload: undefined },
      { id: kept, trigger: 'at', payload: 'kept', dueTime: time },
    ]);
    expect(yearly()[1]?.firedAt.getTime()).toBeGreaterThanOrEqual(time.getTime());
    expect(await schedules.cancel('year', kept)).toBe(false);
  });

  it('rejects wrong arguments before anything is sent', async () => {
    await using application = await startScheduled(server, uniqueStream(), [Reports]);
    const schedules = application.app.get(Schedules);
    for (const name of ['unknown', 'a b', '*', '>', 'x.*', '']) {
      for (const call of ['get', 'pause', 'resume', 'runNow'] as const) {
        const error: unknown = await schedules[call](name).catch((thrown: unknown) => thrown);
        expect(error, `${call} ${name}`).toBeInstanceOf(ScheduleNotFoundError);
      }
    }
    const error = await schedules.get('Reports').catch(String);
    expect(error).toContain('There is no schedule "Reports". The known schedules are: Reports.each, year.');
    for (const time of [undefined, 5, 'tomorrow', new Date(NaN)]) {
      await expect(schedules.at('year', time as Date)).rejects.toThrow(InvalidArgumentError);
    }
    for (const payload of [1n, () => 1, Symbol('x')]) {
      await expect(schedules.at('year', new Date(), payload)).rejects.toThrow(InvalidArgumentError);
    }
    for (const id of ['', 'a.b', '*', 5]) {
      await expect(schedules.cancel('year', id as string)).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('takes no harm from records that other clients wrote', async () => {
    const stream = uniqueStream();
    await using application = await startScheduled(server, stream, [Reports]);
    const bucket = await application.app.get(KeyValueService).open(stream);
    const strange = [
      '',
      'null',
      '5',
      '[]',
      '{"name":"year"}',
      '{"name":"x","owner":"default","since":-1}',
      '{{',
    ];
    for (const [i, text] of strange.entries()) await bucket.put(`schedule.strange-${i}`, Buffer.from(text));
    const liar = { name: 'year', owner: 'default', timing: { kind: 'every', every: 1_000 }, since: 0 };
    await bucket.put('schedule.liar', liar);
    await bucket.put('at.year.x', { name: 'year', owner: 'default', id: '../x', at: 0 });
    await bucket.put('last.year', 'nothing');
    const names = (await application.app.get(Schedules).list()).map(({ name }) => name);
    expect(names).toContain('Reports.each');
    runs.length = 0;
    await eventually(
      () => runs,
      ({ length }) => length >= 2,
    );
    expect(runs.every(({ schedule }) => schedule === 'Reports.each')).toBe(true);
  });

  it('removes what no instance has declared for a long time, and nothing else', async () => {
    const stream = uniqueStream();
    @Injectable()
    class Old {
      @JsSchedule('@hourly', { name: 'old' })
      old(): void {}

      @JsSchedule('@hourly', { name: 'recent' })
      recent(): void {}
    }
    const foreign = { options: { schedules: { application: 'other', stream: { name: stream } } } };
    {
      await using _ = await startScheduled(server, stream, [Old]);
    }
    @Injectable()
    class Other {
      @JsSchedule('@hourly', { name: 'foreign' })
      foreign(): void {}
    }
    {
      await using _ = await startScheduled(server, stream, [Other], foreign);
    }
    await using application = await startScheduled(server, stream, [Reports]);
    const bucket = await application.app.get(KeyValueService).open<Record<string, object>>(stream);
    // As if eleven minutes had passed for two of them.
    for (const owner of ['default', 'other']) {
      await bucket.modify(`owner.${owner}`, (record) => {
        const declared = record?.declared as Record<string, number>;
        for (const name of ['old', 'foreign']) if (name in declared) declared[name] = Date.now() - 660_000;
        return { ...record, declared };
      });
    }
    const schedules = application.app.get(Schedules);
    const left = await eventually(
      async () => (await schedules.list()).map(({ name }) => name),
      (names) => !names.includes('old'),
      25_000,
    );
    expect(left).toEqual(['Reports.each', 'foreign', 'recent', 'year']);
    const names: string[] = [];
    for await (const name of application.app.get(JetStreamService).consumerNames(stream)) names.push(name);
    expect(names.toSorted()).toEqual(['Reports-each', 'foreign', 'recent', 'year']);
  });

  it('replaces a changed schedule', async () => {
    const stream = uniqueStream();
    const due: ScheduledRun[] = [];
    const start = (expression: string): Promise<TestApplication> => {
      @Injectable()
      class Changing {
        @JsSchedule(expression, { name: 'changing', overlap: 'allow' })
        run(@Ctx() { run }: ScheduleContext): void {
          due.push(run);
        }
      }
      return startScheduled(server, stream, [Changing]);
    };
    {
      await using _ = await start('* * * * * *');
      await eventually(
        () => due,
        ({ length }) => length >= 2,
      );
    }
    due.length = 0;
    await using changed = await start('*/2 * * * * *');
    expect(changed.logs.of('log', 'Schedules')).toContain(
      'Schedule "changing" changed: * * * * * * → */2 * * * * *',
    );
    await eventually(
      () => due,
      ({ length }) => length >= 3,
    );
    expect(seconds(due).every((second) => second % 2 === 0)).toBe(true);
  });
});

describe('Schedules without a server', () => {
  it('throws NotConnectedError', async () => {
    @Injectable()
    class Reports {
      @JsSchedule('@hourly')
      hourly(): void {}
    }
    await using application = await startScheduled(
      { url: 'nats://127.0.0.1:4222' },
      uniqueStream(),
      [Reports],
      {
        options: { connect: false },
      },
    );
    const schedules = application.app.get(Schedules);
    await expect(schedules.list()).rejects.toThrow(NotConnectedError);
    await expect(schedules.runNow('Reports.hourly')).rejects.toThrow(NotConnectedError);
  });
});
