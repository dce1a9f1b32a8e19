import { PackageNotInstalledError } from '../../errors/index.js';
import type { CronPattern } from './cron-expression.js';
import { CronTimes } from './cron-times.js';
import type { DueTimes } from './due-times.js';
import { TimeZone } from './time-zone.js';

/** Creates the due times of a pattern in a time zone. */
export type CreateCronTimes = (pattern: CronPattern, timeZone: string) => DueTimes;

let loading: Promise<CreateCronTimes> | undefined;

/**
 * Loads croner, which is optional: schedules with an interval or a single time do not need it.
 *
 * croner only matches patterns here, on a clock without changes. Its own time zones move a skipped time to the next hour
 * and run a repeated one once, which differs from the server.
 *
 * @throws {@link PackageNotInstalledError}
 */
export function loadCron(): Promise<CreateCronTimes> {
  loading ??= load();
  return loading;
}

async function load(): Promise<CreateCronTimes> {
  try {
    const { Cron } = await import('croner');
    return (pattern, timeZone) => {
      const cron = new Cron(pattern, { utcOffset: 0, paused: true });
      return new CronTimes((after) => cron.nextRun(new Date(after))?.getTime(), new TimeZone(timeZone));
    };
  } catch (cause) {
    loading = undefined;
    throw new PackageNotInstalledError(
      'croner',
      'A schedule with a cron expression',
      'use a schedule with every or at',
      { cause },
    );
  }
}
