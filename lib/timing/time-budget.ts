/**
 * A time limit that several steps share. It is used up only while at least one of them runs: the time between steps is
 * not counted. Steps that run at the same time use the budget once.
 */
export class TimeBudget {
  /**
   * @param timeout in milliseconds, any number; `Infinity` never ends
   * @param clock measures the time of all steps; several budgets may share one
   */
  constructor(
    readonly timeout: number,
    private readonly clock = new StepClock(),
  ) {}

  /** The remaining time in milliseconds; 0 when the budget is used up. */
  get left(): number {
    return Math.max(0, this.timeout - this.clock.elapsed);
  }

  /** Runs a step on the budget. It is not ended when the budget is used up: a step has to check {@link left}. */
  spend<T>(step: () => Promise<T>): Promise<T> {
    return this.clock.time(step);
  }
}

/** Measures the time in which at least one step runs. */
export class StepClock {
  private used = 0;
  private running = 0;
  private since = 0;

  /** In milliseconds. */
  get elapsed(): number {
    return this.used + (this.running > 0 ? performance.now() - this.since : 0);
  }

  /** How long no step has run, in milliseconds; `Infinity` if none ever ran. */
  get idle(): number {
    if (this.running > 0) return 0;
    return this.since === 0 ? Infinity : performance.now() - this.since;
  }

  /** Restarts from 0. A running step counts from now on. */
  restart(): void {
    this.used = 0;
    this.since = performance.now();
  }

  async time<T>(step: () => Promise<T>): Promise<T> {
    if (this.running++ === 0) this.since = performance.now();
    try {
      return await step();
    } finally {
      if (--this.running === 0) {
        const now = performance.now();
        this.used += now - this.since;
        this.since = now;
      }
    }
  }
}
