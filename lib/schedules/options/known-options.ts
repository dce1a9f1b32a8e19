import { CONSUMER_OPTIONS } from '../../consuming/index.js';
import { replicaCount, StorageType } from '../../jetstream/index.js';
import { type AllOptionsOf, count, oneOf, required, rule, validDate } from '../../validation/index.js';
import { isTimeZone } from '../expression/index.js';
import type {
  ScheduleDefaults,
  ScheduleOptions,
  ScheduleStreamOptions,
} from './schedule-options.interface.js';

/** The longest name of a schedule: with the prefix of its subjects, it stays a short subject. */
const LONGEST_NAME = 128;
/** The longest interval: ten years. A mistaken unit, such as nanoseconds, exceeds it. */
const LONGEST_INTERVAL = 10 * 366 * 86_400_000;
const SECOND = 1_000;

/** Whether a value can be the name of a schedule: it becomes part of a subject and of a key. */
export function isScheduleName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_NAME && /^[\w-]+(\.[\w-]+)*$/.test(value);
}

export const scheduleName = rule(
  `a name of at most ${LONGEST_NAME} letters, digits, "-" and "_", with "." between them`,
  isScheduleName,
);

const plainName = rule(
  'a name of letters, digits, "-" and "_"',
  (value) => typeof value === 'string' && value.length <= LONGEST_NAME && /^[\w-]+$/.test(value),
);

const { key: _, ...idempotent } = CONSUMER_OPTIONS.idempotent;

const streamOptions = {
  name: plainName,
  replicas: replicaCount,
  storage: oneOf(Object.values(StorageType)),
} satisfies AllOptionsOf<ScheduleStreamOptions>;

/** The module option `schedules`. */
export const SCHEDULE_DEFAULTS = {
  application: plainName,
  stream: streamOptions,
} satisfies AllOptionsOf<ScheduleDefaults>;

/** The options of {@link JsSchedule}. */
export const SCHEDULE_OPTIONS = {
  name: scheduleName,
  timeZone: rule('an IANA time zone, such as "Europe/Amsterdam"', isTimeZone),
  catchUp: oneOf(['one', 'none']),
  overlap: oneOf(['skip', 'allow', 'queue']),
  concurrency: CONSUMER_OPTIONS.concurrency,
  enabled: CONSUMER_OPTIONS.enabled,
  stream: streamOptions,
  ackWait: CONSUMER_OPTIONS.ackWait,
  connection: CONSUMER_OPTIONS.connection,
  deadLetter: CONSUMER_OPTIONS.deadLetter,
  idempotent,
  maxProcessingTime: CONSUMER_OPTIONS.maxProcessingTime,
  retry: CONSUMER_OPTIONS.retry,
  settlement: CONSUMER_OPTIONS.settlement,
} satisfies AllOptionsOf<ScheduleOptions>;

const interval = count(SECOND, LONGEST_INTERVAL);

/** The options of a schedule with an interval. */
export const INTERVAL_OPTIONS = {
  every: required((value, option) => {
    const problems = interval(value, option);
    if (problems.length > 0) return problems;
    return rule('whole seconds, in milliseconds', (each) => Number(each) % SECOND === 0)(value, option);
  }),
};

/** The options of a schedule with a single time. */
export const SINGLE_OPTIONS = { at: required(validDate) };
