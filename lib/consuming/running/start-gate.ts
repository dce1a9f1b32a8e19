import { type JetStreamMessage, Ring } from '../../jetstream/index.js';
import { Timer } from '../../timing/index.js';
import type { CircuitBreakerOptions, RateLimit } from '../options/index.js';

/** A condition that can prevent messages from being started for a while. */
export interface StartGate {
  /** Whether one more message may be started now. Has no side effects, because another gate may prevent the start. */
  mayStart(): boolean;
  /** Called when a message is started. */
  started(message: JetStreamMessage): void;
  /** Whether the gate is shut: no more should be held than the one message that may be started next. */
  readonly shut: boolean;
  /** Called when a message has ended. */
  ended?(message: JetStreamMessage, failed: boolean): void;
  /** Ends timers. */
  close(): void;
}

/** A token bucket: allows `messages` at once initially, and as many again over each `per`. */
export class RateLimitGate implements StartGate {
  readonly shut = false;
  private tokens: number;
  private filledAt = performance.now();
  private timer: Timer | undefined;
  private closed = false;

  constructor(
    private readonly limit: RateLimit,
    /** Called when a message may be started again. */
    private readonly onOpen: () => void,
  ) {
    this.tokens = limit.messages;
  }

  mayStart(): boolean {
    this.fill();
    if (this.tokens >= 1) return true;
    if (this.closed) return false;
    const { messages, per } = this.limit;
    this.timer ??= new Timer(Math.ceil(((1 - this.tokens) * per) / messages), () => {
      this.timer = undefined;
      this.onOpen();
    });
    return false;
  }

  started(): void {
    this.tokens--;
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private fill(): void {
    const now = performance.now();
    const { messages, per } = this.limit;
    this.tokens = Math.min(messages, this.tokens + ((now - this.filledAt) * messages) / per);
    this.filledAt = now;
  }
}

/** Receives the events of a {@link CircuitBreakerGate}. */
export interface CircuitBreakerOwner {
  /** The failure ratio was reached: no message is started for a while. */
  onOpen(reason: string): void;
  /** The pause is over: one message may be tried. */
  onTry(): void;
  /** The tried message succeeded: messages are started again. */
  onClose(): void;
}

/**
 * Opens when the given ratio of recent messages failed: no message is started for a while, and only the message to try
 * next is pulled. If that message succeeds, the circuit closes; if it fails, the pause starts again.
 */
export class CircuitBreakerGate implements StartGate {
  private readonly failureRatio: number;
  private readonly window: number;
  private readonly pause: number;
  /** Whether each of the last messages failed. */
  private readonly outcomes = new Ring<boolean>();
  private failures = 0;
  private state: 'closed' | 'open' | 'half-open' | 'trying' = 'closed';
  /**
   * The message that is being tried. The outcomes of messages that were started before the circuit opened are ignored.
   */
  private trial: JetStreamMessage | undefined;
  private timer: Timer | undefined;
  private ending = false;

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
    return this.state === 'closed' || this.state === 'half-open';
  }

  started(message: JetStreamMessage): void {
    if (this.state !== 'half-open') return;
    this.state = 'trying';
    this.trial = message;
  }

  ended(message: JetStreamMessage, failed: boolean): void {
    if (this.state === 'closed') return this.count(failed);
    if (message !== this.trial) return;
    this.trial = undefined;
    if (failed) return this.open();
    this.state = 'closed';
    this.owner.onClose();
  }

  close(): void {
    this.ending = true;
    this.timer?.cancel();
  }

  private count(failed: boolean): void {
    this.outcomes.push(failed);
    if (failed) this.failures++;
    if (this.outcomes.size > this.window && this.outcomes.shift() === true) this.failures--;
    if (this.outcomes.size < this.window || this.failures / this.window < this.failureRatio) return;
    this.outcomes.clear();
    this.failures = 0;
    this.open();
    this.owner.onOpen(`failure ratio reached ${this.failureRatio}; paused for ${this.pause} ms`);
  }

  private open(): void {
    this.state = 'open';
    // A message that ends after the handler was stopped does not start a pause.
    if (this.ending) return;
    this.timer = new Timer(this.pause, () => {
      this.state = 'half-open';
      this.owner.onTry();
    });
  }
}
