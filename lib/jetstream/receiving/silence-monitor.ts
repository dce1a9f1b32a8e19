import { Interval } from '../../timing/index.js';

/** How often silence is checked per heartbeat interval, which limits the delay of its detection. */
const LOOKS_PER_HEARTBEAT = 8;

/**
 * The number of heartbeat intervals that may pass for a push consumer. The server counts from its last message, but
 * checks only once per interval, so almost two intervals may pass between a message and the first heartbeat after it.
 */
export const PUSH_INTERVALS = 2.5;

/**
 * Detects that nothing has arrived from the server for two heartbeat intervals or more, and calls back once for each
 * such silence.
 *
 * It counts ticks of its own timer instead of reading the clock, for two reasons: a message costs one assignment, and a
 * process that was blocked for a while reads the messages that arrived in the meantime before its silence counts.
 */
export class SilenceMonitor {
  private looks = 0;
  private readonly most: number;
  private readonly interval: Interval;

  constructor(
    /** In milliseconds. */
    heartbeat: number,
    /** Whether the server is expected to send anything. */
    private readonly isExpecting: () => boolean,
    private readonly onSilence: () => void,
    /** The number of silent heartbeat intervals. */
    intervals = 2,
  ) {
    this.most = intervals * LOOKS_PER_HEARTBEAT;
    // The connection keeps the process alive as long as monitoring is needed.
    this.interval = new Interval(heartbeat / LOOKS_PER_HEARTBEAT, () => this.look(), { keepsAlive: false });
  }

  /** Called when something arrived, or when messages are expected from now on. */
  heard(): void {
    this.looks = 0;
  }

  stop(): void {
    this.interval.cancel();
  }

  private look(): void {
    if (!this.isExpecting()) return this.heard();
    // One more check is allowed, because the first one may come right after the last message.
    if (++this.looks <= this.most) return;
    this.looks = 0;
    this.onSilence();
  }
}
