/** The due times of a schedule, in milliseconds since 1970. */
export interface DueTimes {
  /** The first due time after an instant; `undefined` if there is none within five years. */
  next(after: number): number | undefined;
  /** The last due time that is not after an instant; `undefined` if there is none within five years. */
  latest(notAfter: number): number | undefined;
}

/** The server finds no later due time either. */
export const HORIZON = 5 * 366 * 86_400_000;

/** The due times of an interval: its multiples after an instant at which it began. */
export class IntervalTimes implements DueTimes {
  constructor(
    private readonly every: number,
    private readonly anchor: number,
  ) {}

  next(after: number): number {
    const { every, anchor } = this;
    return anchor + Math.max(1, Math.floor((after - anchor) / every) + 1) * every;
  }

  latest(notAfter: number): number | undefined {
    const { every, anchor } = this;
    const passed = Math.floor((notAfter - anchor) / every);
    return passed < 1 ? undefined : anchor + passed * every;
  }
}

/** A single due time. */
export class SingleTime implements DueTimes {
  constructor(private readonly at: number) {}

  next(after: number): number | undefined {
    return this.at > after ? this.at : undefined;
  }

  latest(notAfter: number): number | undefined {
    return this.at <= notAfter ? this.at : undefined;
  }
}
