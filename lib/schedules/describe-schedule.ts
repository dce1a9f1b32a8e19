import { prepareTimes } from './expression/index.js';
import { RunReader } from './runs/index.js';
import type { LastScheduledRun, ScheduleInfo } from './schedule-info.js';
import { type ScheduleRecord, type ScheduleStore, ScheduleSubjects } from './storage/index.js';

/** Describes a schedule, with its next due time and its last run. */
export async function describeSchedule(
  store: ScheduleStore,
  /** The name of the connection. */
  connection: string,
  record: ScheduleRecord,
): Promise<ScheduleInfo> {
  const { name, handler, owner, timing, text, engine, pause } = record;
  const paused = pause !== undefined && pause.to === undefined;
  return {
    name,
    handler,
    application: owner,
    connection,
    stream: store.name,
    cron: timing.kind === 'cron' ? text : undefined,
    timeZone: timing.kind === 'cron' ? timing.timeZone : undefined,
    every: timing.kind === 'every' ? timing.every : undefined,
    at: timing.kind === 'at' ? new Date(timing.at) : undefined,
    engine,
    paused,
    nextDueTime: paused ? undefined : await nextDueTime(store, record),
    lastRun: await lastRun(store, name),
  };
}

async function nextDueTime(store: ScheduleStore, record: ScheduleRecord): Promise<Date | undefined> {
  const { name, timing, since } = record;
  const timesOf = await prepareTimes([timing]);
  let begin = since;
  if (timing.kind === 'every') {
    // An interval continues from its last run.
    const last = await store.lastMessage(new ScheduleSubjects(store.name, name).due);
    const reader = new RunReader(name, timing, timesOf);
    const run =
      last && reader.readMessage({ subject: last.subject, headers: last.headers, stored: last.time });
    begin = Math.max(begin, run?.dueTime.getTime() ?? 0);
  }
  const next = timesOf(timing, begin).next(Math.max(begin, Date.now()));
  return next === undefined ? undefined : new Date(next);
}

async function lastRun(store: ScheduleStore, name: string): Promise<LastScheduledRun | undefined> {
  const { value, stored } = await store.lastRun(name);
  if (value === undefined) return undefined;
  const { dueTime, trigger, attempt, startedAt, outcome, error } = value;
  return {
    dueTime: new Date(dueTime),
    trigger,
    attempt,
    startedAt: new Date(startedAt),
    endedAt: new Date(stored),
    outcome,
    error,
  };
}
