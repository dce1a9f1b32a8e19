import type { CircuitBreakerOptions, RateLimit } from '../decorators/index.js';

/** Something that may forbid to start messages for a while. */
export interface StartGate {
  /** Whether one more message may be started now. Where it may, it is counted as started. */
  mayStart(): boolean;
  /** Whether the gate is shut: no more should be held than the one message that may be started next. */
  readonly shut: boolean;
  /** A message is through. */
  ended?(failed: boolean): void;
  /** Ends timers. */
  close(): void;
}

/** A token bucket: `messages` at once at first, and as many again over each `per`. */
export class RateLimitGate implements StartGate {
  readonly shut = false;
  private tokens: number;
  private filledAt = performance.now();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly limit: RateLimit,
    /** Called when a message may be started again. */
    private readonly onOpen: () => void,
  ) {
    this.tokens = limit.messages;
  }

  mayStart(): boolean {
    this.fill();
    if (this.tokens >= 1) {
      this.tokens--;
      return true;
    }
    const { messages, per } = this.limit;
    this.timer ??= setTimeout(
      () => {
        this.timer = undefined;
        this.onOpen();
      },
      Math.ceil(((1 - this.tokens) * per) / messages),
    );
    return false;
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private fill(): void {
    const now = performance.now();
    const { messages, per } = this.limit;
    this.tokens = Math.min(messages, this.tokens + ((now - this.filledAt) * messages) / per);
    this.filledAt = now;
  }
}

/** What a {@link CircuitBreakerGate} tells. */
export interface CircuitBreakerOwner {
  /** Too much failed: nothing is started for a while. */
  onOpen(): void;
  /** The while is over: a message may be tried. */
  onTry(): void;
  /** The message that was tried succeeded: all goes on. */
  onClose(): void;
}

/**
 * Opens when a share of the last messages failed: nothing is started for a while, and nothing pulled but the message
 * that is tried then. Where it succeeds all goes on, where it fails the pause begins anew.
 */
export class CircuitBreakerGate implements StartGate {
  private readonly failureRatio: number;
  private readonly window: number;
  private readonly pause: number;
  private outcomes: boolean[] = [];
  private failures = 0;
  private state: 'closed' | 'open' | 'half-open' | 'trying' = 'closed';
  private timer: NodeJS.Timeout | undefined;

  constructor(
    options: CircuitBreakerOptions,
    private readonly owner: CircuitBreakerOwner,
  ) {
    this.failureRatio = options.failureRatio ?? 0.5;
    this.window = options.window ?? 20;
    this.pause = options.pause ?? 10_000;
  }

  get shut(): boolean {
    return this.state !== 'closed';
  }

  mayStart(): boolean {
    if (this.state === 'closed') return true;
    if (this.state !== 'half-open') return false;
    this.state = 'trying';
    return true;
  }

  ended(failed: boolean): void {
    switch (this.state) {
      case 'closed':
        return this.count(failed);
      case 'trying':
        if (failed) return this.open();
        this.state = 'closed';
        return this.owner.onClose();
      // What was in the works when it opened changes nothing.
      case 'open':
      case 'half-open':
        return;
    }
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private count(failed: boolean): void {
    this.outcomes.push(failed);
    if (failed) this.failures++;
    if (this.outcomes.length > this.window && this.outcomes.shift() === true) this.failures--;
    if (this.outcomes.length < this.window || this.failures / this.window < this.failureRatio) return;
    this.outcomes = [];
    this.failures = 0;
    this.open();
    this.owner.onOpen();
  }

  private open(): void {
    this.state = 'open';
    this.timer = setTimeout(() => {
      this.state = 'half-open';
      this.owner.onTry();
    }, this.pause);
  }
}
