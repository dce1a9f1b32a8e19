import { Injectable } from '@nestjs/common';
import { InvalidArgumentError, JsSchedule, ScheduleNotFoundError, Schedules } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ScheduleRow } from '../../../lib/board/model/index.js';
import { eventually } from '../../support/eventually.js';
import { type DataApplication, startData } from './start-data.js';
import { clear } from './start-shop.js';

const fails = new Set<string>();

@Injectable()
class Reports {
  @JsSchedule({ every: 3_600_000 })
  hourly(): void {
    if (fails.has('hourly')) throw new TypeError('no paper');
  }

  @JsSchedule('0 0 0 1 1 *', { timeZone: 'Europe/Amsterdam', name: 'year' })
  yearly(): void {
    // The board shows when it is due.
  }
}

describe.each(['2.15', '2.10'])('the schedules of the board on nats-server %s', (version) => {
  let server: NatsTestServer;
  let application: DataApplication;
  const start = async (): Promise<void> => {
    application = await startData(server.url, { providers: [Reports] });
  };
  const row = async (name: string): Promise<ScheduleRow> => {
    const { rows } = await application.view('schedules');
    const found = rows.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no ${name} in ${JSON.stringify(rows)}`);
    return found;
  };
  const run = async (name: string): Promise<ScheduleRow> => {
    const { lastRun: before } = await row(name);
    const { id } = await application.act('run-schedule', { name });
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    return eventually(
      () => row(name),
      ({ lastRun }) => lastRun !== undefined && lastRun.endedAt !== before?.endedAt,
    );
  };

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    fails.clear();
    await clear(application);
    await application[Symbol.asyncDispose]();
  });

  it('are shown with their state and last run', async () => {
    await start();
    const { rows } = await application.view('schedules');
    expect(rows.map(({ name }) => name)).toEqual(['Reports.hourly', 'year']);
    const [hourly, year] = rows;
    expect(hourly).toMatchObject({
      handler: 'Reports.hourly',
      application: 'default',
      connection: 'default',
      stream: 'SCHEDULES',
      every: 3_600_000,
      paused: false,
    });
    for (const member of ['cron', 'timeZone', 'at', 'lastRun']) expect(hourly).not.toHaveProperty(member);
    expect(year).toMatchObject({
      handler: 'Reports.yearly',
      cron: '0 0 0 1 1 *',
      timeZone: 'Europe/Amsterdam',
    });
    expect(Date.parse(year?.nextDueTime ?? '')).toBeGreaterThan(Date.now());
    const ran = await run('Reports.hourly');
    expect(ran.lastRun).toMatchObject({ outcome: 'succeeded', attempt: 1, trigger: 'now' });
    expect(ran.lastRun).not.toHaveProperty('error');
    expect(JSON.parse(JSON.stringify(ran))).toEqual(ran);
  });

  it('show why a run failed', async () => {
    await start();
    fails.add('hourly');
    const { lastRun } = await run('Reports.hourly');
    expect(lastRun).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('no paper') as string,
    });
  });

  it('are paused, resumed and run for all instances', async () => {
    await start();
    await using other = await startData(server.url, { providers: [Reports] });
    expect(await application.act('pause-schedule', { name: 'year' })).toEqual({});
    expect(await row('year')).toMatchObject({ paused: true });
    expect(await row('year')).not.toHaveProperty('nextDueTime');
    expect(await other.app.get(Schedules).get('year')).toMatchObject({ paused: true });
    expect((await run('year')).lastRun).toMatchObject({ outcome: 'succeeded' });
    expect(await application.act('resume-schedule', { name: 'year' })).toEqual({});
    expect(await other.app.get(Schedules).get('year')).toMatchObject({ paused: false });
    // Doing it again changes nothing.
    expect(await application.act('resume-schedule', { name: 'year' })).toEqual({});
  });

  it.each<[string, unknown]>([
    ['no name', {}],
    ['an empty name', { name: ' ' }],
    ['a name that is a number', { name: 7 }],
    ['a name of 1 MB', { name: 'x'.repeat(1_048_576) }],
    ['an unknown member', { name: 'year', at: 'now' }],
  ])('refuse %s', async (_, input) => {
    await start();
    for (const name of ['pause-schedule', 'resume-schedule', 'run-schedule'] as const)
      await expect(application.act(name, input)).rejects.toThrow(InvalidArgumentError);
    await expect(application.view('schedules', { connection: 'default' })).rejects.toThrow(
      InvalidArgumentError,
    );
  });

  it.each<[string, string]>([
    ['another name', 'none'],
    ['a wildcard', '*'],
    ['all subjects', '>'],
    ['a path', '../year'],
    ['a subject of the server', '$JS.API'],
    ['the name of a property', '__proto__'],
    ['a long name', 'x'.repeat(500)],
  ])('refuse a schedule that does not exist: %s', async (_, name) => {
    await start();
    for (const action of ['pause-schedule', 'resume-schedule', 'run-schedule'] as const)
      await expect(application.act(action, { name })).rejects.toThrow(ScheduleNotFoundError);
  });

  it('are none without schedules, and not possible without the service', async () => {
    application = await startData(server.url);
    expect(await application.view('schedules')).toEqual({ rows: [] });
    const of = (): string[] =>
      application.data.possibleActions().filter((name) => name.endsWith('-schedule'));
    expect(of()).toEqual(['pause-schedule', 'resume-schedule', 'run-schedule']);
    Object.defineProperty(application.source, 'schedules', { value: undefined });
    expect(of()).toEqual([]);
    expect(await application.view('schedules')).toEqual({ rows: [] });
    await expect(application.act('run-schedule', { name: 'year' })).rejects.toThrow(InvalidArgumentError);
  });

  it('end when the person leaves', async () => {
    await start();
    const signal = AbortSignal.abort(new Error('the person has left'));
    await expect(application.data.view('schedules', {}, signal)).rejects.toThrow('the person has left');
    const running = application.data.act('run-schedule', { name: 'year' }, { signal });
    await expect(running).rejects.toThrow('the person has left');
  });
});
