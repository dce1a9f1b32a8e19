import { type DueTimes, HORIZON } from './due-times.js';
import type { TimeZone } from './time-zone.js';

/** The first time that matches a pattern after a time, both read from a clock that has no changes. */
export type NextMatch = (after: number) => number | undefined;

const SECOND = 1_000;

/**
 * The due times of a cron pattern in a time zone: all instants at which the wall clock of the zone shows a time that
 * matches. So a time that the clock skips has no run, and a time that it shows twice has two, as in the server.
 *
 * Between two changes of the offset, the wall clock is UTC plus a constant. Within each such part, the next match is
 * that of the wall clock, and a match beyond the end of a part is looked for again in the next one.
 */
export class CronTimes implements DueTimes {
  constructor(
    private readonly match: NextMatch,
    private readonly zone: TimeZone,
  ) {}

  next(after: number): number | undefined {
    const end = after + HORIZON;
    let start = Math.floor(after);
    while (start < end) {
      const offset = this.zone.offsetAt(start + 1);
      const found = this.match(start + offset);
      if (found === undefined) return undefined;
      const candidate = found - offset;
      const change = this.zone.changeBetween(start + 1, Math.min(candidate, end));
      if (change === undefined) return candidate > end ? undefined : candidate;
      start = change - 1;
    }
    return undefined;
  }

  /** Bisects: a due time is not after an instant if the next one after an earlier instant is not. */
  latest(notAfter: number): number | undefined {
    const from = this.earlierWithMatch(notAfter);
    if (from === undefined) return undefined;
    let low = from;
    let found = this.next(low);
    let high = Math.ceil(notAfter / SECOND) * SECOND;
    while (high - low > SECOND) {
      const middle: number = Math.floor((low + high) / 2 / SECOND) * SECOND;
      // The bounds are a second apart when rounding leads back to the lower one.
      if (middle <= low) break;
      const next = this.next(middle);
      if (next !== undefined && next <= notAfter) [low, found] = [middle, next];
      else high = middle;
    }
    return found;
  }

  /** An instant as near as possible whose next due time is not after `notAfter`. */
  private earlierWithMatch(notAfter: number): number | undefined {
    for (let distance = 2 * SECOND; ; distance *= 8) {
      const from = Math.floor((notAfter - Math.min(distance, HORIZON)) / SECOND) * SECOND;
      const next = this.next(from);
      if (next !== undefined && next <= notAfter) return from;
      if (distance >= HORIZON) return undefined;
    }
  }
}
