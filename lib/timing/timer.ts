import { onAbort } from '../user-code/index.js';

/** The longest delay of a Node timer, in milliseconds: a longer one would fire immediately. */
const LONGEST_DELAY = 2_147_483_647;

/** Options of a {@link Timer}. */
export interface TimerOptions {
  /** Whether the timer alone keeps the process alive. Default: true. */
  readonly keepsAlive?: boolean;
}

/**
 * Calls a function once after any number of milliseconds, including delays that Node's timers do not support: above
 * 2^31-1 it waits in steps, and `Infinity` never fires.
 *
 * The function must not throw: it runs from a timer, so an error would end the process.
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
    // Only `cancel` ends an infinite wait; it does not keep the process alive.
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

  /** Node's timers may fire slightly early, and long waits consist of several steps. */
  private onTimeout(): void {
    const left = this.endsAt - performance.now();
    if (left > 0) this.arm(left);
    else this.act();
  }
}

/**
 * Calls a function repeatedly, at any interval: above 2^31-1 ms it waits in steps, and `Infinity` never calls it.
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
 * Resolves after the delay in milliseconds, which may be any number; never rejects.
 *
 * @param signal ends the wait early when it is aborted; the caller checks `signal.aborted` if that matters
 */
export function sleep(delay: number, signal?: AbortSignal, options?: TimerOptions): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      callOff?.();
      resolve();
    };
    const timer = new Timer(delay, end, options);
    const callOff = signal && onAbort(signal, end);
  });
}
