import type { JetStreamMessage } from '../../jetstream/index.js';

/** How often in each `ackWait` messages are looked at. */
const TICKS_PER_ACK_WAIT = 4;

/** How many ticks old a message may be before it is declared in progress for the first time: half of `ackWait`. */
const TICKS_UNTIL_ALIVE = 2;

/** Declares messages that wait or are in the works in progress before their `ackWait` is over, again and again. */
export class KeepAlive {
  /** What messages are stamped with when they arrive. */
  ticks = 0;
  private readonly timer: NodeJS.Timeout;
  private readonly longestTicks: number;

  constructor(
    /** In milliseconds. */
    ackWait: number,
    /** The longest that one message is kept alive, in milliseconds. */
    maxProcessingTime: number,
    /** All that is unsettled. */
    private readonly messages: () => Iterable<JetStreamMessage>,
  ) {
    const tick = Math.max(10, Math.floor(ackWait / TICKS_PER_ACK_WAIT));
    this.longestTicks = maxProcessingTime / tick;
    this.timer = setInterval(() => this.tick(), tick);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    this.ticks++;
    for (const message of this.messages()) {
      const age = this.ticks - message.arrivedAt;
      if (age >= TICKS_UNTIL_ALIVE && age <= this.longestTicks && !message.settled) message.inProgress();
    }
  }
}
