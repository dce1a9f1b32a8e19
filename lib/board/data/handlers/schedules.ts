import type { ScheduleInfo, Schedules } from '../../../schedules/index.js';
import { given } from '../../../validation/index.js';
import type { ScheduleRow } from '../../model/index.js';
import type { Payloads } from '../payloads/index.js';

/** All schedules, in the order of their names. With a mask, without errors, which may contain parts of their payloads. */
export async function scheduleRows(
  schedules: Schedules | undefined,
  { isMasked }: Pick<Payloads, 'isMasked'>,
  signal: AbortSignal,
): Promise<readonly ScheduleRow[]> {
  if (schedules === undefined) return [];
  return (await schedules.list({ signal })).map((schedule) => rowOf(schedule, isMasked));
}

function rowOf(schedule: ScheduleInfo, isMasked: boolean): ScheduleRow {
  const { application, at, connection, cron, engine, every, handler, lastRun } = schedule;
  const { name, nextDueTime, paused, stream, timeZone } = schedule;
  const known = {
    cron,
    timeZone,
    every,
    engine,
    at: at?.toISOString(),
    nextDueTime: nextDueTime?.toISOString(),
  };
  return {
    name,
    handler,
    application,
    connection,
    stream,
    paused,
    ...given(known),
    ...(lastRun !== undefined && { lastRun: runOf(isMasked ? { ...lastRun, error: undefined } : lastRun) }),
  };
}

function runOf({
  dueTime,
  endedAt,
  error,
  startedAt,
  ...run
}: NonNullable<ScheduleInfo['lastRun']>): NonNullable<ScheduleRow['lastRun']> {
  return {
    ...run,
    dueTime: dueTime.toISOString(),
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    ...(error !== undefined && { error }),
  };
}
