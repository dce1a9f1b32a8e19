import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { Interval } from '../../timing/index.js';
import type { RunningOptions } from '../planning/index.js';
import { messageName, type SettlementPolicy } from '../settlement/index.js';

/** How often messages are checked in each `ackWait`. */
const TICKS_PER_ACK_WAIT = 4;

/** The age in ticks at which a message is declared in progress for the first time: half of `ackWait`. */
export const TICKS_UNTIL_ALIVE = 2;

/**
 * Declares buffered and in-flight messages in progress before their `ackWait` ends, repeatedly, until
 * `maxProcessingTime` is over.
 */
export class KeepAlive {
  /** The current tick. Messages are stamped with it when they arrive. */
  ticks = 0;
  private readonly logger = new Logger('JsConsumer');
  private readonly interval: Interval | undefined;
  private readonly longestTicks: number;

  constructor(
    private readonly options: RunningOptions,
    private readonly policy: SettlementPolicy,
    /** All unsettled messages. */
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
      if (age > this.longestTicks) this.giveUp(message);
      else if (age >= TICKS_UNTIL_ALIVE) message.inProgress();
    }
  }

  private giveUp(message: JetStreamMessage): void {
    // This has already been reported.
    if (message.expired) return;
    message.expired = true;
    this.logger.warn(
      `${messageName(message, this.policy)} is not settled after ${this.options.maxProcessingTime} ms ` +
        '(maxProcessingTime): its ack wait is no longer extended, so it will be delivered again although its handler may ' +
        'still run. Raise maxProcessingTime if handlers may take longer.',
    );
  }
}
