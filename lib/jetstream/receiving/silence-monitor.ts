import { Interval } from '../../timing/index.js';

/** How often in each heartbeat interval silence is looked for: it is noticed at most that fraction too late. */
const LOOKS_PER_HEARTBEAT = 8;

/**
 * Notices that nothing has come from the server for two heartbeat intervals, and calls back once for each such silence.
 *
 * It counts ticks of its own timer instead of reading the clock, for two reasons: a message costs one assignment, and a process
 * that was blocked for a while reads what has arrived meanwhile before its silence counts.
 */
export class SilenceMonitor {
  private looks = 0;
  private readonly interval: Interval;

  constructor(
    /** In milliseconds. */
    heartbeat: number,
    /** Whether the server has a reason to send anything. */
    private readonly isExpecting: () => boolean,
    private readonly onSilence: () => void,
  ) {
    this.interval = new Interval(heartbeat / LOOKS_PER_HEARTBEAT, () => this.look());
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
    if (++this.looks <= 2 * LOOKS_PER_HEARTBEAT) return;
    this.looks = 0;
    this.onSilence();
  }
}
