const MINUTE = 60_000;
/** The distance at which changes of the offset are looked for: no time zone changes twice within it. */
const STRIDE = 7 * 86_400_000;

/** Whether a name is a time zone that this process knows. */
export function isTimeZone(name: unknown): name is string {
  // Offsets such as "+01:00" are not names, and the server does not know them.
  if (typeof name !== 'string' || !/^[A-Za-z][\w+/-]*$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** The difference between the wall clock of a time zone and UTC. */
export class TimeZone {
  private readonly format: Intl.DateTimeFormat;

  constructor(readonly name: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** How far the wall clock is ahead of UTC at an instant, in milliseconds. */
  offsetAt(instant: number): number {
    if (this.name === 'UTC') return 0;
    const second = Math.floor(instant / 1_000) * 1_000;
    const parts: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(second)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second: seconds = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
  }

  /** The first instant after `from`, and not after `to`, at which the offset differs; `undefined` if there is none. */
  changeBetween(from: number, to: number): number | undefined {
    if (this.name === 'UTC') return undefined;
    const offset = this.offsetAt(from);
    for (let before = from; before < to; before += STRIDE) {
      const after = Math.min(before + STRIDE, to);
      if (this.offsetAt(after) !== offset) return this.bisect(before, after, offset);
    }
    return undefined;
  }

  /** Changes happen at full minutes. */
  private bisect(before: number, after: number, offset: number): number {
    let low = Math.floor(before / MINUTE);
    let high = Math.ceil(after / MINUTE);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetAt(middle * MINUTE) === offset) low = middle;
      else high = middle;
    }
    return high * MINUTE;
  }
}
