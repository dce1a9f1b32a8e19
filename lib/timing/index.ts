export { Backoff } from './backoff.js';
export { CommandQueue } from './commands.js';
export { Deadline, within } from './deadline.js';
export { recover, retry } from './retry.js';
export {
  fromNanos,
  fromTime,
  LONGEST_DURATION,
  LONGEST_TTL,
  toNanos,
  toNanosAtMost,
  toTime,
  toTtl,
} from './server-time.js';
export { StepClock, TimeBudget } from './time-budget.js';
export { Interval, sleep, Timer } from './timer.js';
export { untilAborted } from './until-aborted.js';
