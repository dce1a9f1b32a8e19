import type { DeadLetterFilter, PullJsConsumerOptions } from '../../consuming/index.js';

/** Selects the dead letters that a handler of {@link OnDeadLetter} receives, and how they are handled. */
export interface OnDeadLetterOptions
  extends
    Omit<DeadLetterFilter, 'since' | 'until'>,
    Pick<
      PullJsConsumerOptions,
      | 'ackMode'
      | 'ackWait'
      | 'concurrency'
      | 'connection'
      | 'enabled'
      | 'maxProcessingTime'
      | 'retry'
      | 'settlement'
    > {
  /**
   * The name of its durable consumer of the dead-letter stream, which the instances of a service share. Default: class
   * and method, such as `Alerts-onDeadLetter`, followed by a few characters that identify the filter if the handler
   * receives only some dead letters. Set a name if another service has a class with the same name and filter; otherwise
   * each dead letter would reach only one of the two services.
   */
  readonly durable?: string | undefined;
  /** The first dead letter of a new consumer: the next one (`new`), or the first stored one (`all`). Default `new`. */
  readonly deliverPolicy?: 'new' | 'all' | undefined;
}
