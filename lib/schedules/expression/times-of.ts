import { type DueTimes, IntervalTimes, SingleTime } from './due-times.js';
import { loadCron } from './load-cron.js';

/** When a schedule is due. Times in milliseconds. */
export type Timing =
  | { readonly kind: 'cron'; readonly pattern: string; readonly timeZone: string }
  | { readonly kind: 'every'; readonly every: number }
  | { readonly kind: 'at'; readonly at: number };

/** Creates the due times of a timing; an interval begins at `anchor`, in milliseconds since 1970. */
export type TimesOf = (timing: Timing, anchor: number) => DueTimes;

/**
 * Prepares to compute due times. Loads croner only if a timing is a cron expression.
 *
 * @throws {@link PackageNotInstalledError} if croner is needed and not installed
 */
export async function prepareTimes(timings: readonly Timing[]): Promise<TimesOf> {
  const cron = timings.some(({ kind }) => kind === 'cron') ? await loadCron() : undefined;
  const patterns = new Map<string, DueTimes>();
  return (timing, anchor) => {
    switch (timing.kind) {
      case 'every':
        return new IntervalTimes(timing.every, Math.floor(anchor / SECOND) * SECOND);
      case 'at':
        return new SingleTime(timing.at);
      case 'cron': {
        const key = `${timing.pattern} ${timing.timeZone}`;
        const known = patterns.get(key);
        if (known !== undefined) return known;
        if (cron === undefined) throw new Error('croner was not loaded for this schedule');
        const created = cron(timing.pattern, timing.timeZone);
        if (patterns.size >= MOST_PATTERNS) patterns.clear();
        patterns.set(key, created);
        return created;
      }
    }
  };
}

const SECOND = 1_000;
/** Patterns also come from messages, so their number is limited. */
const MOST_PATTERNS = 1_000;
