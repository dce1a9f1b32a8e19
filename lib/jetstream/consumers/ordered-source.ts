import { nuid } from '@nats-io/transport-node';
import { checkWholeNumber, optionsCheck } from '../../validation/index.js';
import { type CallOptions, inSteps, type JetStreamApi, validateConsumerName } from '../api/index.js';
import { type OrderedSource, type ReceivingFrom, type RecreatedConsumer } from '../receiving/index.js';

import { consumerInfo, upsertConsumer } from './consumer-api.js';
import type { BaseConsumerConfig, ConsumerConfig } from './consumer-config.js';
import type { ConsumerInfo } from './consumer-info.js';
import {
  type ConsumerStart,
  Incarnation,
  startAfter,
  startOfNewStream,
  startPosition,
} from './incarnation.js';

/** The messages that an ordered consumer reads. Durations in milliseconds. */
export interface OrderedConsumerConfig extends Pick<
  BaseConsumerConfig,
  'deliverPolicy' | 'startSequence' | 'startTime' | 'replayPolicy' | 'headersOnly' | 'metadata'
> {
  /** Only messages whose subject matches one of these. Several: nats-server 2.10. */
  readonly filterSubjects?: string | readonly string[] | undefined;
  /** How long after the client is gone the server removes the remaining consumer. Default 300,000. */
  readonly inactiveThreshold?: number | undefined;
  /** The maximum number of attempts to create a new consumer, each time one is needed. Default: no limit. */
  readonly maxResetAttempts?: number | undefined;
  /** The prefix of the names of its consumers. Default: a unique id. */
  readonly namePrefix?: string | undefined;
}

const checkConfig = optionsCheck<OrderedConsumerConfig>(
  'an ordered consumer',
  {
    deliverPolicy: true,
    filterSubjects: true,
    headersOnly: true,
    inactiveThreshold: true,
    maxResetAttempts: true,
    metadata: true,
    namePrefix: true,
    replayPolicy: true,
    startSequence: true,
    startTime: true,
  },
  'config',
);

/** Creates the consumers of one ordered consumer, one after another. */
export class NumberedConsumers implements OrderedSource {
  readonly maxResetAttempts: number;
  readonly namePrefix: string;
  private position: number | undefined;
  /** The highest sequence that arrived from the current stream. */
  private reached = 0;
  private readonly incarnation: Incarnation;
  private serial = 0;
  private current: ConsumerInfo | undefined;

  constructor(
    private readonly api: JetStreamApi,
    readonly stream: string,
    private readonly config: OrderedConsumerConfig,
  ) {
    checkConfig(config);
    this.namePrefix = config.namePrefix ?? nuid.next();
    validateConsumerName(this.namePrefix);
    if (config.maxResetAttempts !== undefined)
      checkWholeNumber('maxResetAttempts', config.maxResetAttempts, 1);
    this.maxResetAttempts = config.maxResetAttempts ?? Infinity;
    this.incarnation = new Incarnation(api, stream);
  }

  /** The last information about the current consumer. */
  get cachedInfo(): ConsumerInfo | undefined {
    return this.current;
  }

  /** The names of the current consumer. */
  get names(): ReceivingFrom {
    return { stream: this.stream, consumer: this.current?.name ?? this.namePrefix };
  }

  async info(options: CallOptions): Promise<ConsumerInfo> {
    this.current = await consumerInfo(this.api, this.stream, this.names.consumer, options);
    return this.current;
  }

  recreate(options: CallOptions = {}): Promise<RecreatedConsumer> {
    return inSteps(options, (left) => this.replace(left));
  }

  private async replace(options: CallOptions): Promise<RecreatedConsumer> {
    const { position } = this;
    const name = await this.create(position === undefined ? this.config : startAfter(position), options);
    if (position === undefined) {
      // Only needed when this consumer is replaced.
      this.incarnation.learn();
      return { name, restarted: false };
    }
    if (!(await this.incarnation.hasChanged(this.reached, options))) return { name, restarted: false };
    this.abandon();
    this.reached = 0;
    return { name: await this.create(startOfNewStream(this.config), options), restarted: true };
  }

  delivered(sequence: number): void {
    this.position = sequence;
    this.reached = sequence;
  }

  abandon(): void {
    const { nc, apiPrefix } = this.api.connection;
    if (!this.current || nc.isClosed()) return;
    const subject = `${apiPrefix}.CONSUMER.DELETE.${this.stream}.${this.current.name}`;
    // The response does not matter: the server removes the consumer after inactiveThreshold anyway.
    this.api.requests.send(subject, '', {}, () => {});
  }

  private async create(start: ConsumerStart, options: CallOptions): Promise<string> {
    this.serial++;
    const name = `${this.namePrefix}_${this.serial}`;
    const config = this.configFrom(start, name);
    this.current = await upsertConsumer(this.api, this.stream, config, '', options);
    this.position = startPosition(this.current);
    return name;
  }

  private configFrom(
    { deliverPolicy, startSequence, startTime }: ConsumerStart,
    name: string,
  ): ConsumerConfig {
    const { replayPolicy, headersOnly, metadata } = this.config;
    const { filterSubjects: filters, inactiveThreshold = 300_000 } = this.config;
    const filterSubjects = typeof filters === 'string' ? [filters] : filters;
    const needsFilter = deliverPolicy === 'last_per_subject' && !filterSubjects?.length;
    return {
      deliverPolicy,
      startSequence,
      startTime,
      name,
      filterSubjects: needsFilter ? ['>'] : filterSubjects,
      replayPolicy,
      headersOnly,
      metadata,
      inactiveThreshold,
      ackPolicy: 'none',
      memoryStorage: true,
      replicas: 1,
    };
  }
}
