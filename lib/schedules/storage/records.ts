import { isObject } from '../../validation/index.js';
import { isTimeZone, readCron, type Timing } from '../expression/index.js';
import { isScheduleName, type ScheduleCatchUp } from '../options/index.js';
import type { RunTrigger } from './names.js';

/** The engine that publishes the runs of a schedule: the server, or the instance that leads. */
export type ScheduleEngine = 'server' | 'leader';

/** A pause of a schedule; times in milliseconds. */
export interface Pause {
  readonly from: number;
  /** `undefined` while it lasts. */
  readonly to?: number | undefined;
}

/** The stored state of a schedule. It is declared by instances; only the leader sets the engine. */
export interface ScheduleRecord {
  readonly name: string;
  /** The application that declares it. */
  readonly owner: string;
  /** Class and method. */
  readonly handler: string;
  readonly timing: Timing;
  /** The expression, interval or time as it was declared. */
  readonly text: string;
  readonly catchUp: ScheduleCatchUp;
  /** Only due times after this instant count: its declaration, its last change, or the end of its last pause. */
  readonly since: number;
  readonly pause?: Pause | undefined;
  readonly engine?: ScheduleEngine | undefined;
}

/** The last ended run of a schedule; times in milliseconds. */
export interface LastRunRecord {
  readonly dueTime: number;
  readonly trigger: RunTrigger;
  readonly attempt: number;
  /** When its message was stored. */
  readonly firedAt: number;
  readonly startedAt: number;
  readonly outcome: 'succeeded' | 'failed';
  readonly error?: string | undefined;
}

/** A run that was planned for a single time. */
export interface PlannedRecord {
  readonly name: string;
  readonly owner: string;
  readonly id: string;
  readonly at: number;
  readonly payload?: unknown;
}

/** A time in which no instance of an application was connected, in milliseconds. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** The record that the instances of an application share. */
export interface OwnerRecord {
  /** The latest gaps, in their order. */
  readonly gaps: readonly Gap[];
  /** When an instance last reported that it declares a schedule, by the name of the schedule. */
  readonly declared: Readonly<Record<string, number>>;
  /** When an instance was last connected to a server of a version, by version. */
  readonly servers: Readonly<Record<string, number>>;
}

/** Reads a record; `undefined` if it is not valid: any client that may write to the bucket can have written it. */
export function readSchedule(value: unknown): ScheduleRecord | undefined {
  if (!isObject(value)) return undefined;
  const { name, owner, handler, text, catchUp, since, engine } = value;
  const timing = readTiming(value.timing);
  if (!isScheduleName(name) || typeof owner !== 'string' || timing === undefined || !isTime(since))
    return undefined;
  return {
    name,
    owner,
    handler: typeof handler === 'string' ? handler : name,
    timing,
    text: typeof text === 'string' ? text : '',
    catchUp: catchUp === 'none' ? 'none' : 'one',
    since,
    pause: readPause(value.pause),
    engine: engine === 'server' || engine === 'leader' ? engine : undefined,
  };
}

function readTiming(value: unknown): Timing | undefined {
  if (!isObject(value)) return undefined;
  const { kind, pattern, timeZone, every, at } = value;
  if (kind === 'every') return isTime(every) && every >= 1_000 ? { kind, every } : undefined;
  if (kind === 'at') return isTime(at) ? { kind, at } : undefined;
  if (kind !== 'cron' || typeof pattern !== 'string' || !isTimeZone(timeZone)) return undefined;
  const read = readCron(pattern);
  return 'pattern' in read ? { kind, pattern: read.pattern, timeZone } : undefined;
}

function readPause(value: unknown): Pause | undefined {
  if (!isObject(value) || !isTime(value.from)) return undefined;
  return { from: value.from, to: isTime(value.to) ? value.to : undefined };
}

/** Reads the last run of a schedule; `undefined` if there is none. */
export function readLastRun(value: unknown): LastRunRecord | undefined {
  if (!isObject(value)) return undefined;
  const { dueTime, trigger, attempt, firedAt, startedAt, outcome, error } = value;
  if (!isTime(dueTime) || !isTime(startedAt) || (outcome !== 'succeeded' && outcome !== 'failed'))
    return undefined;
  return {
    dueTime,
    startedAt,
    outcome,
    firedAt: isTime(firedAt) ? firedAt : startedAt,
    trigger: trigger === 'now' || trigger === 'at' ? trigger : 'schedule',
    attempt: isTime(attempt) ? attempt : 1,
    error: typeof error === 'string' ? error : undefined,
  };
}

/** Reads a planned run; `undefined` if it is not valid. */
export function readPlanned(value: unknown): PlannedRecord | undefined {
  if (!isObject(value)) return undefined;
  const { name, owner, id, at, payload } = value;
  if (!isScheduleName(name) || typeof owner !== 'string' || typeof id !== 'string' || !isTime(at))
    return undefined;
  return /^[\w-]{1,64}$/.test(id) ? { name, owner, id, at, payload } : undefined;
}

/** Reads what the instances of an application have stored. */
export function readOwner(value: unknown): OwnerRecord {
  const { gaps, declared, servers } = isObject(value) ? value : {};
  return { gaps: readGaps(gaps), declared: readTimes(declared), servers: readTimes(servers) };
}

function readGaps(value: unknown): Gap[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items.flatMap((each) => {
    if (!isObject(each)) return [];
    const { from, to } = each;
    return isTime(from) && isTime(to) && from <= to ? [{ from, to }] : [];
  });
}

function readTimes(value: unknown): Record<string, number> {
  if (!isObject(value)) return {};
  const times = Object.entries(value).filter((entry): entry is [string, number] => isTime(entry[1]));
  return Object.fromEntries(times);
}

/** The last instant of a `Date`. */
const LAST_INSTANT = 8_640_000_000_000_000;

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= LAST_INSTANT;
}
