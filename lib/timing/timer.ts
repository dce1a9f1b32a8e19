/** The longest delay of a Node timer, in milliseconds: a longer one would fire at once. */
const LONGEST_DELAY = 2_147_483_647;

/** Options of a {@link Timer}. */
export interface TimerOptions {
  /** Whether the timer alone keeps the process alive. Default: yes. */
  readonly keepsAlive?: boolean;
}

/**
 * Calls a function once after any number of milliseconds, including those that a Node timer cannot hold: above 2^31-1 it
 * waits in steps, and `Infinity` never fires.
 *
 * The function must not throw: it runs from a timer, so what it throws would end the process.
 */
export class Timer {
  private timeout: NodeJS.Timeout | undefined;
  private readonly endsAt: number;

  constructor(
    delay: number,
    private readonly act: () => void,
    private readonly options: TimerOptions = {},
  ) {
    const wait = Number.isNaN(delay) ? 0 : Math.max(0, delay);
    this.endsAt = performance.now() + wait;
    // Nothing ends an infinite wait but `cancel`; it keeps no process alive.
    if (wait !== Infinity) this.arm(wait);
  }

  /** Ends the timer without calling the function. Safe to call at any time, also after it fired. */
  cancel(): void {
    clearTimeout(this.timeout);
    this.timeout = undefined;
  }

  private arm(left: number): void {
    this.timeout = setTimeout(() => this.onTimeout(), Math.min(Math.ceil(left), LONGEST_DELAY));
    if (this.options.keepsAlive === false) this.timeout.unref();
  }

  /** Node's timers may fire a little early, and those of long waits are steps. */
  private onTimeout(): void {
    const left = this.endsAt - performance.now();
    if (left > 0) this.arm(left);
    else this.act();
  }
}

/**
 * Calls a function again and again, at any interval: above 2^31-1 ms it waits in steps, and `Infinity` never calls it.
 *
 * The function must not throw.
 */
export class Interval {
  private timer: Timer | undefined;

  constructor(
    private readonly period: number,
    private readonly act: () => void,
    private readonly options: TimerOptions = {},
  ) {
    this.arm();
  }

  /** Ends the calls. */
  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arm(): void {
    this.timer = new Timer(
      this.period,
      () => {
        this.arm();
        this.act();
      },
      this.options,
    );
  }
}

/**
 * Resolves after so many milliseconds, of any number; never rejects.
 *
 * @param signal ends the wait early when it is aborted; the caller looks at `signal.aborted` where that matters
 */
export function sleep(delay: number, signal?: AbortSignal, options?: TimerOptions): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = new Timer(delay, end, options);
    signal?.addEventListener('abort', end, { once: true });
  });
}
