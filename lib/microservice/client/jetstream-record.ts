import type { MessageOptions, PublishHeaders, PublishOptions } from '../../jetstream/index.js';
import { checkedOptions } from '../../validation/index.js';
import type { JetStreamRecordOptions, TransportMode } from './jetstream-record-options.interface.js';
import { RECORD_OPTIONS } from './known-options.js';

/**
 * Data with options: passed to `emit` or `send` instead of the data alone, or returned by a handler to add headers to
 * its answer. Created by {@link JetStreamRecordBuilder}.
 */
export class JetStreamRecord<T = unknown> {
  readonly options: JetStreamRecordOptions;

  /** @throws {@link InvalidArgumentError} for unknown options */
  constructor(
    readonly data: T,
    options: JetStreamRecordOptions,
  ) {
    this.options = checkedOptions<JetStreamRecordOptions>('JetStreamRecord', options, RECORD_OPTIONS);
  }
}

/**
 * Builds a {@link JetStreamRecord}. Options for storing (message id, expectations, TTL, schedule, retry) apply only if
 * a stream is involved: for events, and for requests with `mode: 'jetstream'`.
 *
 * @example
 * ```ts
 * client.emit('orders.created', new JetStreamRecordBuilder(order).setMessageId(order.id).build());
 * ```
 */
export class JetStreamRecordBuilder<T = unknown> {
  private options: JetStreamRecordOptions = {};

  constructor(private data?: T) {}

  setData(data: T): this {
    this.data = data;
    return this;
  }

  setHeaders(headers: PublishHeaders): this {
    return this.set({ headers });
  }

  /** The id by which the stream detects duplicates; see {@link MessageOptions.messageId}. */
  setMessageId(messageId: string): this {
    return this.set({ messageId });
  }

  /** Generates an id for the message, so that sending it again cannot store it twice. */
  setIdempotent(idempotent = true): this {
    return this.set({ idempotent });
  }

  /** The conditions under which the stream accepts the message. */
  setExpectations(expect: MessageOptions['expect']): this {
    return this.set({ expect });
  }

  /** The time to live of the message, in milliseconds (nats-server 2.11). */
  setTtl(ttl: MessageOptions['ttl']): this {
    return this.set({ ttl });
  }

  /** Makes the message a schedule for other messages (nats-server 2.12). */
  setSchedule(schedule: MessageOptions['schedule']): this {
    return this.set({ schedule });
  }

  /** How often and when publishing is retried if no stream answers. */
  setRetry(retry: PublishOptions['retry']): this {
    return this.set({ retry });
  }

  /**
   * How long to wait, in milliseconds: for the stream's acknowledgement of an event; for the first answer to a request,
   * and from one answer to the next.
   */
  setTimeout(timeout: number): this {
    return this.set({ timeout });
  }

  /** See {@link JetStreamRecordOptions.mode}. */
  setMode(mode: TransportMode): this {
    return this.set({ mode });
  }

  /** Returns the record. @throws {@link InvalidArgumentError} for unknown options */
  build(): JetStreamRecord<T | undefined> {
    return new JetStreamRecord(this.data, this.options);
  }

  private set(options: JetStreamRecordOptions): this {
    this.options = { ...this.options, ...options };
    return this;
  }
}
