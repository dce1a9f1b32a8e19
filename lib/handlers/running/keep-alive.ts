import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { RunningOptions } from '../planning/index.js';
import { messageName, type SettlementPolicy } from '../settlement/index.js';

/** How often in each `ackWait` messages are looked at. */
const TICKS_PER_ACK_WAIT = 4;

/** How many ticks old a message may be before it is declared in progress for the first time: half of `ackWait`. */
const TICKS_UNTIL_ALIVE = 2;

/**
 * Declares messages that wait or are in the works in progress before their `ackWait` is over, again and again, until
 * `maxProcessingTime` is over.
 */
export class KeepAlive {
  /** What messages are stamped with when they arrive. */
  ticks = 0;
  private readonly logger = new Logger('JsConsumer');
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly longestTicks: number;

  constructor(
    private readonly options: RunningOptions,
    private readonly policy: SettlementPolicy,
    /** All that is unsettled. */
    private readonly messages: () => Iterable<JetStreamMessage>,
  ) {
    const tick = Math.max(10, Math.floor(options.ackWait / TICKS_PER_ACK_WAIT));
    this.longestTicks = options.maxProcessingTime / tick;
    // What nobody waits for needs not be kept alive.
    if (options.acknowledged) this.timer = setInterval(() => this.tick(), tick);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    this.ticks++;
    for (const message of this.messages()) {
      if (message.settled) continue;
      const age = this.ticks - message.arrivedAt;
      if (age > this.longestTicks) this.giveUp(message, age);
      else if (age >= TICKS_UNTIL_ALIVE) message.inProgress();
    }
  }

  private giveUp(message: JetStreamMessage, age: number): void {
    // Told once.
    if (age > this.longestTicks + 1) return;
    this.logger.warn(
      `${messageName(message, this.policy)} is not settled after ${this.options.maxProcessingTime} ms ` +
        '(maxProcessingTime): it is kept alive no longer, and comes again though its handler may still run',
    );
  }
}
