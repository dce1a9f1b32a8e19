import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { Interval } from '../../timing/index.js';
import type { RunningOptions } from '../planning/index.js';
import { messageName, type SettlementPolicy } from '../settlement/index.js';

/** How often in each `ackWait` messages are looked at. */
const TICKS_PER_ACK_WAIT = 4;

/** How many ticks old a message may be before it is declared in progress for the first time: half of `ackWait`. */
export const TICKS_UNTIL_ALIVE = 2;

/**
 * Declares messages that are buffered or in flight in progress before their `ackWait` is over, again and again, until
 * `maxProcessingTime` is over.
 */
export class KeepAlive {
  /** What messages are stamped with when they arrive. */
  ticks = 0;
  private readonly logger = new Logger('JsConsumer');
  private readonly interval: Interval | undefined;
  private readonly longestTicks: number;

  constructor(
    private readonly options: RunningOptions,
    private readonly policy: SettlementPolicy,
    /** All that is unsettled. */
    private readonly messages: () => Iterable<JetStreamMessage>,
    /** Called in each tick. Must not throw. */
    private readonly onTick: () => void = () => {},
  ) {
    const tick = Math.max(10, Math.floor(options.ackWait / TICKS_PER_ACK_WAIT));
    this.longestTicks = options.maxProcessingTime / tick;
    // Without acknowledgements there is no ack wait to extend.
    if (options.acknowledged) this.interval = new Interval(tick, () => this.tick());
  }

  close(): void {
    this.interval?.cancel();
  }

  private tick(): void {
    this.ticks++;
    this.onTick();
    for (const message of this.messages()) {
      if (message.settled) continue;
      const age = this.ticks - message.arrivedAt;
      if (age > this.longestTicks) this.giveUp(message, age);
      else if (age >= TICKS_UNTIL_ALIVE) message.inProgress();
    }
  }

  private giveUp(message: JetStreamMessage, age: number): void {
    // Reported once.
    if (age > this.longestTicks + 1) return;
    this.logger.warn(
      `${messageName(message, this.policy)} is not settled after ${this.options.maxProcessingTime} ms ` +
        '(maxProcessingTime): it is kept alive no longer, and comes again though its handler may still run',
    );
  }
}
