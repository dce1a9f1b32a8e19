import { shown } from '../../reporting/index.js';
import { isObject, readOptions } from '../../validation/index.js';
import { readCron, type Timing } from '../expression/index.js';
import { INTERVAL_OPTIONS, isScheduleName, SCHEDULE_OPTIONS, SINGLE_OPTIONS } from './known-options.js';
import type {
  ScheduleCatchUp,
  ScheduleOptions,
  ScheduleOverlap,
  ScheduleStreamOptions,
} from './schedule-options.interface.js';

/** A schedule as its decorator declares it. */
export interface DeclaredSchedule {
  readonly name: string;
  readonly timing: Timing;
  /** The expression, interval or time as it was given, to show it. */
  readonly text: string;
  readonly catchUp: ScheduleCatchUp;
  readonly overlap: ScheduleOverlap;
  readonly stream: ScheduleStreamOptions;
}

/** A schedule, the other options of its decorator, and what is wrong with them. */
export interface ScheduleReading {
  readonly schedule: DeclaredSchedule;
  readonly options: ScheduleOptions;
  readonly mistakes: readonly string[];
}

/**
 * Reads the arguments of {@link JsSchedule}.
 *
 * @param fallback the name of the schedule, if the options contain none
 */
export function readSchedule(time: unknown, given: unknown, fallback: string): ScheduleReading {
  const { options, problems } = readOptions<ScheduleOptions>(given, SCHEDULE_OPTIONS);
  const mistakes = problems.map(({ sentence }) => sentence);
  const { name = fallback, timeZone, catchUp = 'one', overlap = 'skip', stream = {} } = options;
  if (!isScheduleName(name)) {
    mistakes.push(
      `"${String(name)}" cannot be the name of a schedule: set the option name to letters, digits, "-" and "_"`,
    );
  }
  if (timeZone !== undefined && typeof time !== 'string') {
    mistakes.push('timeZone applies to cron expressions only: leave it out');
  }
  if (options.concurrency !== undefined && overlap !== 'allow') {
    mistakes.push(`concurrency needs overlap: 'allow'; with '${overlap}' one run follows another`);
  }
  const read = readTime(time, timeZone ?? 'UTC');
  mistakes.push(...read.mistakes);
  return {
    schedule: { name, timing: read.timing, text: textOf(time, read.timing), catchUp, overlap, stream },
    options,
    mistakes,
  };
}

interface TimeReading {
  readonly timing: Timing;
  readonly mistakes: readonly string[];
}

/** The timing of a schedule that cannot be read; the startup fails. */
const NEVER: Timing = { kind: 'at', at: 0 };

function readTime(time: unknown, timeZone: string): TimeReading {
  if (typeof time === 'string') {
    const read = readCron(time);
    if ('pattern' in read) return { timing: { kind: 'cron', pattern: read.pattern, timeZone }, mistakes: [] };
    return {
      timing: NEVER,
      mistakes: [`the cron expression ${shown(time)} cannot be used: ${read.problem}`],
    };
  }
  if (!isObject(time)) {
    const wanted = 'a cron expression, { every: milliseconds } or { at: Date }';
    return {
      timing: NEVER,
      mistakes: [`the first argument of @JsSchedule must be ${wanted}; it is ${shown(time)}`],
    };
  }
  if ('every' in time) {
    const { options, problems } = readOptions<{ every: number }>(time, INTERVAL_OPTIONS);
    const mistakes = problems.map(({ sentence }) => sentence);
    return { timing: mistakes.length > 0 ? NEVER : { kind: 'every', every: options.every }, mistakes };
  }
  const { options, problems } = readOptions<{ at: Date }>(time, SINGLE_OPTIONS);
  const mistakes = problems.map(({ sentence }) => sentence);
  return { timing: mistakes.length > 0 ? NEVER : { kind: 'at', at: options.at.getTime() }, mistakes };
}

function textOf(time: unknown, timing: Timing): string {
  if (typeof time === 'string') return time;
  if (isObject(time) && 'every' in time) return `every ${String(time.every)} ms`;
  return timing.kind === 'at' ? `at ${new Date(timing.at).toISOString()}` : 'at';
}
