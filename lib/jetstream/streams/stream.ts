import { checkWholeNumber, notTogether, optionsCheck } from '../../validation/index.js';
import { CALL_OPTIONS, type CallOptions, type JetStreamApi, validateFilter, waitOf } from '../api/index.js';
import {
  type Consumer,
  type ConsumerConfig,
  type ConsumerInfo,
  type ConsumerPause,
  type ConsumerReset,
  type ConsumerResetOptions,
  Consumers,
  OrderedConsumer,
  type OrderedConsumerConfig,
  type PushConsumer,
  type PushConsumerConfig,
} from '../consumers/index.js';
import {
  getLastMessages,
  type GetLastMessagesOptions,
  getMessages,
  type GetMessagesOptions,
} from './batch-get.js';
import { getMessage, validateSequence } from './message-access.js';
import type { StoredMessage } from './stored-message.js';
import { streamInfo, type StreamInfoOptions } from './stream-api.js';
import type { StreamInfo } from './stream-info.js';

/** Selects the messages to remove; all messages if none of `subject`, `sequence` and `keep` is given. */
export type PurgeOptions = (
  | {
      /** Only messages before this sequence. */
      readonly sequence?: number | undefined;
      readonly keep?: undefined;
    }
  | {
      /** Keeps this many of the newest messages. */
      readonly keep?: number | undefined;
      readonly sequence?: undefined;
    }
) &
  CallOptions & {
    /** Only messages whose subject matches. */
    readonly subject?: string | undefined;
  };

/** Selects a message, together with a sequence. */
export interface GetMessageOptions extends CallOptions {
  /** Only messages of this subject, wildcards are allowed: the first one at or after the sequence. */
  readonly subject?: string | undefined;
}

const checkPurgeOptions = optionsCheck<PurgeOptions>('purge', {
  ...CALL_OPTIONS,
  keep: true,
  sequence: true,
  subject: true,
});
const checkGetMessageOptions = optionsCheck<GetMessageOptions>('getMessage', {
  ...CALL_OPTIONS,
  subject: true,
});

/**
 * A stream: its messages and its consumers.
 *
 * Methods that send requests also reject with the errors of requests, as those of {@link JetStreamService} do.
 */
export class Stream {
  private known: StreamInfo;
  private readonly consumers: Consumers;

  /** @internal Created by `JetStreamService`. */
  constructor(
    private readonly api: JetStreamApi,
    info: StreamInfo,
  ) {
    this.known = info;
    this.consumers = new Consumers(api);
  }

  get name(): string {
    return this.known.config.name;
  }

  /**
   * The last information received from the server, without another request. It never includes the counts of subjects.
   */
  get cachedInfo(): StreamInfo {
    return this.known;
  }

  /**
   * Requests configuration and state from the server.
   *
   * @throws {@link StreamNotFoundError} if the stream no longer exists
   */
  async info(options: StreamInfoOptions = {}): Promise<StreamInfo> {
    const info = await streamInfo(this.api, this.name, options);
    // Stored without the subjects, because there may be millions.
    this.known = { ...info, state: { ...info.state, subjects: undefined } };
    return info;
  }

  /**
   * Removes messages; all of them if none is selected. Cannot be undone.
   *
   * @returns the number of removed messages
   * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError}, {@link StreamNotFoundError}
   */
  async purge(options: PurgeOptions = {}): Promise<number> {
    const { subject, sequence, keep, timeout, signal } = checkPurgeOptions(options);
    if (subject !== undefined) validateFilter(subject);
    if (sequence !== undefined) validateSequence(sequence);
    if (keep !== undefined) checkWholeNumber('keep', keep, 0);
    if (sequence !== undefined && keep !== undefined) {
      throw notTogether('keep', 'sequence');
    }
    const body = { filter: subject, seq: sequence, keep };
    const { purged } = await this.api.call<{ readonly purged: number }>(`STREAM.PURGE.${this.name}`, body, {
      timeout,
      signal,
      stream: this.name,
    });
    return purged;
  }

  /**
   * Reads the message of a sequence; with `subject`, the first one of that subject (wildcards are allowed) at or after
   * it. It is read from any replica if the stream allows direct access, otherwise from its leader.
   *
   * @throws {@link MessageNotFoundError}
   * @throws {@link InvalidArgumentError}
   */
  async getMessage(sequence: number, options: GetMessageOptions = {}): Promise<StoredMessage> {
    const { subject, timeout, signal } = checkGetMessageOptions(options);
    return getMessage(this.api, this.name, { sequence, subject }, this.isDirect, { timeout, signal });
  }

  /**
   * Reads the last message of a subject; wildcards are allowed. It is read from any replica if the stream allows direct
   * access, otherwise from its leader.
   *
   * @throws {@link MessageNotFoundError}
   * @throws {@link InvalidSubjectError}
   */
  getLastMessage(subject: string, options: CallOptions = {}): Promise<StoredMessage> {
    return getMessage(this.api, this.name, { lastOf: subject }, this.isDirect, options);
  }

  /**
   * Reads messages in the order of the stream. They are requested in pages: the next one when the last has been read.
   * Needs `allowDirect` and nats-server 2.11 (ADR-31).
   *
   * @throws {@link UnsupportedServerFeatureError}, {@link DirectAccessDisabledError}
   * @throws {@link NoRespondersError} if no server of the stream is reachable
   */
  getMessages(options: GetMessagesOptions): AsyncIterable<StoredMessage> {
    return getMessages(this.api, this.name, options);
  }

  /**
   * Reads the last message of each subject that matches one of the filters, at one point in time. Needs `allowDirect`
   * and nats-server 2.11 (ADR-31). The server refuses more than 1,024 matching subjects.
   *
   * @throws {@link UnsupportedServerFeatureError}, {@link DirectAccessDisabledError}
   * @throws {@link NoRespondersError} if no server of the stream is reachable
   */
  getLastMessages(
    subjects: string | readonly string[],
    options: GetLastMessagesOptions = {},
  ): AsyncIterable<StoredMessage> {
    return getLastMessages(this.api, this.name, subjects, options);
  }

  /**
   * Deletes a message: it is marked as deleted, not overwritten.
   *
   * @throws {@link MessageNotFoundError}
   * @throws {@link InvalidArgumentError}
   */
  deleteMessage(sequence: number, options: CallOptions = {}): Promise<void> {
    return this.remove(sequence, true, options);
  }

  /**
   * Deletes a message and overwrites it with random data, which takes longer.
   *
   * @throws {@link MessageNotFoundError}
   * @throws {@link InvalidArgumentError}
   */
  secureDeleteMessage(sequence: number, options: CallOptions = {}): Promise<void> {
    return this.remove(sequence, false, options);
  }

  /**
   * See {@link JetStreamService.createConsumer}.
   *
   * @throws the errors of that method
   */
  createConsumer(config: ConsumerConfig, options: CallOptions = {}): Promise<Consumer> {
    return this.consumers.putPull(this.name, config, 'create', options);
  }

  /**
   * See {@link JetStreamService.updateConsumer}.
   *
   * @throws the errors of that method
   */
  updateConsumer(config: ConsumerConfig, options: CallOptions = {}): Promise<Consumer> {
    return this.consumers.putPull(this.name, config, 'update', options);
  }

  /**
   * See {@link JetStreamService.createOrUpdateConsumer}.
   *
   * @throws the errors of that method
   */
  createOrUpdateConsumer(config: ConsumerConfig, options: CallOptions = {}): Promise<Consumer> {
    return this.consumers.putPull(this.name, config, '', options);
  }

  /**
   * See {@link JetStreamService.consumer}.
   *
   * @throws the errors of that method
   */
  consumer(name: string, options: CallOptions = {}): Promise<Consumer> {
    return this.consumers.pull(this.name, name, options);
  }

  /**
   * See {@link JetStreamService.createPushConsumer}.
   *
   * @throws the errors of that method
   */
  createPushConsumer(config: PushConsumerConfig, options: CallOptions = {}): Promise<PushConsumer> {
    return this.consumers.putPush(this.name, config, 'create', options);
  }

  /**
   * See {@link JetStreamService.updatePushConsumer}.
   *
   * @throws the errors of that method
   */
  updatePushConsumer(config: PushConsumerConfig, options: CallOptions = {}): Promise<PushConsumer> {
    return this.consumers.putPush(this.name, config, 'update', options);
  }

  /**
   * See {@link JetStreamService.createOrUpdatePushConsumer}.
   *
   * @throws the errors of that method
   */
  createOrUpdatePushConsumer(config: PushConsumerConfig, options: CallOptions = {}): Promise<PushConsumer> {
    return this.consumers.putPush(this.name, config, '', options);
  }

  /**
   * See {@link JetStreamService.pushConsumer}.
   *
   * @throws the errors of that method
   */
  pushConsumer(name: string, options: CallOptions = {}): Promise<PushConsumer> {
    return this.consumers.push(this.name, name, options);
  }

  /**
   * See {@link JetStreamService.orderedConsumer}.
   *
   * @throws the errors of that method
   */
  orderedConsumer(config: OrderedConsumerConfig = {}, options: CallOptions = {}): Promise<OrderedConsumer> {
    return OrderedConsumer.create(this.api, this.name, config, options);
  }

  /**
   * See {@link JetStreamService.deleteConsumer}.
   *
   * @throws the errors of that method
   */
  deleteConsumer(name: string, options: CallOptions = {}): Promise<void> {
    return this.consumers.delete(this.name, name, options);
  }

  /**
   * See {@link JetStreamService.pauseConsumer}.
   *
   * @throws the errors of that method
   */
  pauseConsumer(name: string, until: Date, options: CallOptions = {}): Promise<ConsumerPause> {
    return this.consumers.pause(this.name, name, until, options);
  }

  /**
   * See {@link JetStreamService.resumeConsumer}.
   *
   * @throws the errors of that method
   */
  resumeConsumer(name: string, options: CallOptions = {}): Promise<ConsumerPause> {
    return this.consumers.resume(this.name, name, options);
  }

  /**
   * See {@link JetStreamService.unpinConsumer}.
   *
   * @throws the errors of that method
   */
  unpinConsumer(name: string, group: string, options: CallOptions = {}): Promise<void> {
    return this.consumers.unpin(this.name, name, group, options);
  }

  /**
   * See {@link JetStreamService.resetConsumer}.
   *
   * @throws the errors of that method
   */
  resetConsumer(name: string, options: ConsumerResetOptions = {}): Promise<ConsumerReset> {
    return this.consumers.reset(this.name, name, options);
  }

  /**
   * See {@link JetStreamService.listConsumers}.
   *
   * @throws the errors of that method
   */
  listConsumers(options: CallOptions = {}): AsyncIterable<ConsumerInfo> {
    return this.consumers.list(this.name, options);
  }

  /**
   * See {@link JetStreamService.consumerNames}.
   *
   * @throws the errors of that method
   */
  consumerNames(options: CallOptions = {}): AsyncIterable<string> {
    return this.consumers.names(this.name, options);
  }

  private get isDirect(): boolean {
    return this.known.config.allowDirect;
  }

  private async remove(seq: number, noErase: boolean, options: CallOptions): Promise<void> {
    validateSequence(seq);
    await this.api.call(
      `STREAM.MSG.DELETE.${this.name}`,
      { seq, no_erase: noErase },
      { ...waitOf(options), stream: this.name, message: `sequence ${seq}` },
    );
  }
}
