import { Interval } from '../../timing/index.js';

/** How often in each heartbeat interval silence is looked for: it is noticed at most that fraction too late. */
const LOOKS_PER_HEARTBEAT = 8;

/**
 * How many intervals of a push consumer may pass: the server counts from its last message, but looks only once in each interval,
 * so that almost two intervals lie between a message and the first heartbeat after it.
 */
export const PUSH_INTERVALS = 2.5;

/**
 * Notices that nothing has come from the server for two heartbeat intervals or more, and calls back once for each such silence.
 *
 * It counts ticks of its own timer instead of reading the clock, for two reasons: a message costs one assignment, and a process
 * that was blocked for a while reads what has arrived meanwhile before its silence counts.
 */
export class SilenceMonitor {
  private looks = 0;
  private readonly most: number;
  private readonly interval: Interval;

  constructor(
    /** In milliseconds. */
    heartbeat: number,
    /** Whether the server has a reason to send anything. */
    private readonly isExpecting: () => boolean,
    private readonly onSilence: () => void,
    /** For how many heartbeat intervals nothing came. */
    intervals = 2,
  ) {
    this.most = intervals * LOOKS_PER_HEARTBEAT;
    // The connection keeps the process alive as long as there is something to look after.
    this.interval = new Interval(heartbeat / LOOKS_PER_HEARTBEAT, () => this.look(), { keepsAlive: false });
  }

  /** Something came, or begins to be expected now. */
  heard(): void {
    this.looks = 0;
  }

  stop(): void {
    this.interval.cancel();
  }

  private look(): void {
    if (!this.isExpecting()) return this.heard();
    // One look more: the first one may come right after the last message.
    if (++this.looks <= this.most) return;
    this.looks = 0;
    this.onSilence();
  }
}
