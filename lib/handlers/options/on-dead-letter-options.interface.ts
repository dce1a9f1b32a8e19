import type { DeadLetterFilter, PullJsConsumerOptions } from '../../consuming/index.js';

/** Which dead letters a handler of {@link OnDeadLetter} gets, and how they are handled. */
export interface OnDeadLetterOptions
  extends
    Omit<DeadLetterFilter, 'since' | 'until'>,
    Pick<
      PullJsConsumerOptions,
      'ackMode' | 'ackWait' | 'concurrency' | 'connection' | 'maxProcessingTime' | 'retry' | 'settlement'
    > {
  /**
   * The name of its durable consumer of the dead-letter stream, which the instances of a service share. Default: class and
   * method, such as `Alerts-onDeadLetter`, and if only some dead letters are taken a few characters that stand for which. Give
   * a name if another service has a class of the same name that takes the same: each dead letter would reach one of them.
   */
  readonly durable?: string | undefined;
  /** Where to start when the consumer is made: with the next dead letter, or with all that are there. Default `new`. */
  readonly deliverPolicy?: 'new' | 'all' | undefined;
}
