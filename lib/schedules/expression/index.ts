export { readCron } from './cron-expression.js';
export type { DueTimes } from './due-times.js';
export { isTimeZone } from './time-zone.js';
export { prepareTimes, type TimesOf, type Timing } from './times-of.js';
