import { Interval } from '../../timing/index.js';

/** How often the messages in flight are looked at, in milliseconds. */
const LOOK_EVERY = 1_000;

/**
 * Measures how long messages have been in flight, at no cost for a message: it looks at all messages in flight once a
 * second, and remembers when it first saw each. Most messages are never seen, because they end sooner.
 */
export class InFlightAges {
  private seen = new Map<object, number>();
  private interval: Interval | undefined;

  /** @param unfinished returns the messages, entries or batches whose handler has been called and has not ended */
  constructor(private readonly unfinished: () => Iterable<object>) {}

  start(): void {
    this.interval ??= new Interval(LOOK_EVERY, () => this.look(), { keepsAlive: false });
  }

  stop(): void {
    this.interval?.cancel();
    this.interval = undefined;
    this.seen.clear();
  }

  /** How long the oldest message has been in flight, in milliseconds, at most a second too short; 0 if there is none. */
  get oldest(): number {
    const now = this.look();
    let oldest = 0;
    for (const since of this.seen.values()) oldest = Math.max(oldest, now - since);
    return Math.floor(oldest);
  }

  private look(): number {
    const now = performance.now();
    const seen = new Map<object, number>();
    for (const one of this.unfinished()) seen.set(one, this.seen.get(one) ?? now);
    this.seen = seen;
    return now;
  }
}
