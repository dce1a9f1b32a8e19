import { ConsumerNotFoundError, InvalidArgumentError } from '../../errors/index.js';
import {
  Incarnation,
  NumberedConsumers,
  OrderedLoop,
  priorityOf,
  provisionConsumer,
  provisionPushConsumer,
  PullLoop,
  PushLoop,
  startAfter,
  startOfNewStream,
  startPosition,
  VerifiedLoop,
  type BaseConsumerConfig,
  type Consumer,
  type ConsumerInfo,
  type ConsumerStart,
  type PullLoopOptions,
  type LoopOwner,
  type PushConsumer,
  type ReceiveLoop,
} from '../../jetstream/index.js';
import { createInboxOf } from '../../requests/index.js';
import { isAcknowledged, pushConfig, type ConsumerSource, type Delivery } from '../planning/index.js';
import { ResumePosition } from './resume-position.js';

const PULL_EXPIRY = 30_000;
/** Shorter than the Go client's default, so that a handler notices within seconds that its consumer has gone silent. */
const PULL_HEARTBEAT = 5_000;

/** A pause waits for open requests, so their expiry is short. */
const ONE_DELIVERY = { expiry: 1_000, drainsRequests: true };

/** An existing consumer that is ready to be read. */
export interface ReadyConsumer {
  readonly name: string;
  /** How many messages it has not delivered yet; `undefined` if it delivers to this process alone. */
  readonly pending?: number | undefined;
  open(owner: LoopOwner): ReceiveLoop;
}

interface ConsumerAccess<Handle> {
  find(name: string): Promise<Handle>;
  make(start: ConsumerStart): Promise<Handle>;
}

type PullDelivery = Extract<Delivery, { readonly mode: 'pull' }>;
type PushDelivery = Extract<Delivery, { readonly mode: 'push' }>;
type OrderedDelivery = Extract<Delivery, { readonly mode: 'ordered' }>;

/**
 * Creates the consumer of a handler, or uses an existing one, and reads it. It remembers the position of the handler if
 * the server does not: the server discards the position of ordered consumers and of consumers without a name when it
 * removes them.
 */
export class ConsumerReceiver {
  private readonly position: ResumePosition;
  private readonly incarnation: Incarnation;
  private ordered: NumberedConsumers | undefined;
  /** The name of the last consumer that was created without a given name. */
  private nameless = '';
  /** Whether a named consumer with `deliverPolicy: 'new'` was prepared before. */
  private wasReady = false;
  /** Whether the stream was created again since then. */
  private streamIsNew = false;

  constructor(private readonly source: ConsumerSource) {
    const { delivery, connection, stream } = source;
    const cumulative = delivery.mode === 'pull' && delivery.config.ackPolicy === 'all';
    this.position = new ResumePosition(isAcknowledged(delivery), cumulative);
    this.incarnation = new Incarnation(connection.jetstream.api, stream);
  }

  /** The name of the current consumer of an ordered handler, which changes while the handler runs. */
  get orderedConsumer(): string | undefined {
    return this.ordered?.names.consumer;
  }

  /**
   * Prepares the consumer: the first time as configured, later so that it continues at the position of the handler.
   *
   * @throws {@link InvalidArgumentError} if the consumer needs a priority group, and the handler's group is not one of
   * its groups
   */
  prepare(): Promise<ReadyConsumer> {
    const { delivery } = this.source;
    switch (delivery.mode) {
      case 'pull':
        return this.preparePull(delivery);
      case 'push':
        return this.preparePush(delivery);
      case 'ordered':
        return this.prepareOrdered(delivery);
    }
  }

  private async preparePull({ config, pull }: PullDelivery): Promise<ReadyConsumer> {
    const { stream, connection, maxMessages } = this.source;
    const { jetstream, provisioning } = connection;
    const { api } = jetstream;
    const access: ConsumerAccess<Consumer> = {
      find: (name) => jetstream.consumer(stream, name),
      make: (start) => provisionConsumer(jetstream, stream, { ...config, ...start }, provisioning),
    };
    const consumer = await this.prepared(config, access);
    const { name, cachedInfo } = consumer;
    const priority = this.priority(pull, cachedInfo);
    const options = {
      ...pullOptions(maxMessages),
      ...(cachedInfo.config.maxDeliver === 1 && ONE_DELIVERY),
      ...priority,
      limits: cachedInfo.config,
    };
    const from = { stream, consumer: name };
    return {
      name,
      pending: cachedInfo.numPending,
      open: (owner) =>
        new VerifiedLoop(
          (inner) => new PullLoop(api.connection, api.requests, stream, name, options, inner),
          isNamed(config) ? owner : this.tracking(owner),
          from,
          () => jetstream.consumer(stream, name),
        ),
    };
  }

  private async preparePush(delivery: PushDelivery): Promise<ReadyConsumer> {
    const { stream, connection } = this.source;
    const { jetstream, provisioning } = connection;
    const { api } = jetstream;
    const config = pushConfig(delivery, createInboxOf(api.connection.nc));
    const access: ConsumerAccess<PushConsumer> = {
      find: (name) => jetstream.pushConsumer(stream, name),
      make: (start) => provisionPushConsumer(jetstream, stream, { ...config, ...start }, provisioning),
    };
    const consumer = await this.prepared(config, access);
    const { deliverSubject, deliverGroup, idleHeartbeat = 0 } = consumer.cachedInfo.config;
    const { name } = consumer;
    return {
      name,
      pending: consumer.cachedInfo.numPending,
      open: (owner) =>
        new PushLoop(
          api,
          { stream, consumer: name },
          { subject: deliverSubject, group: deliverGroup, idleHeartbeat },
          isNamed(config) ? owner : this.tracking(owner),
          async () => {
            const { config: now } = (await jetstream.pushConsumer(stream, name)).cachedInfo;
            return { subject: now.deliverSubject, group: now.deliverGroup };
          },
        ),
    };
  }

  private async prepareOrdered({ config }: OrderedDelivery): Promise<ReadyConsumer> {
    const { stream, connection, maxMessages } = this.source;
    const { api } = connection.jetstream;
    const consumers = (this.ordered ??= new NumberedConsumers(api, stream, config));
    const { name } = await consumers.recreate();
    return {
      name,
      open: (owner) => new OrderedLoop(api, consumers, pullOptions(maxMessages), owner, name),
    };
  }

  private prepared<Handle extends { readonly name: string; readonly cachedInfo: ConsumerInfo }>(
    config: BaseConsumerConfig,
    access: ConsumerAccess<Handle>,
  ): Promise<Handle> {
    return isNamed(config) ? this.named(config, access) : this.continued(config, access);
  }

  /**
   * Prepares a consumer with a name. If only new messages are declared, all messages of a stream that was created again
   * are new, including those stored before the consumer could be created.
   */
  private async named<Handle>(config: BaseConsumerConfig, access: ConsumerAccess<Handle>): Promise<Handle> {
    if (config.deliverPolicy !== 'new') return access.make(config);
    let start: ConsumerStart = config;
    if (this.wasReady) {
      const existing = await access.find(config.durable ?? config.name ?? '').catch(ignoreNotFound);
      // Remembered until the consumer exists, because the creation of the stream is checked only once.
      if (!existing) this.streamIsNew ||= await this.incarnation.hasChanged(0);
      if (!existing && this.streamIsNew) start = startAfter(0);
    }
    const consumer = await access.make(start);
    if (!this.wasReady) this.incarnation.learn();
    this.wasReady = true;
    this.streamIsNew = false;
    return consumer;
  }

  /**
   * Prepares a consumer without a name: the previous one if it still exists, otherwise a new one that continues at its
   * position.
   */
  private async continued<Handle extends { readonly name: string; readonly cachedInfo: ConsumerInfo }>(
    configured: ConsumerStart,
    access: ConsumerAccess<Handle>,
  ): Promise<Handle> {
    if (this.nameless !== '') {
      const existing = await access.find(this.nameless).catch(ignoreNotFound);
      if (existing) return existing;
    }
    const { after } = this.position;
    let consumer = await access.make(after === undefined ? configured : startAfter(after));
    if (after === undefined) {
      this.incarnation.learn();
    } else if (await this.incarnation.hasChanged(this.position.reached)) {
      const { jetstream } = this.source.connection;
      this.position.forget();
      await jetstream.deleteConsumer(this.source.stream, consumer.name).catch(ignoreNotFound);
      consumer = await access.make(startOfNewStream(configured));
    }
    this.nameless = consumer.name;
    this.position.startAt(startPosition(consumer.cachedInfo));
    return consumer;
  }

  private priority(
    pull: PullDelivery['pull'],
    { name, config }: Consumer['cachedInfo'],
  ): ReturnType<typeof priorityOf> {
    const { handler, stream, connection } = this.source;
    try {
      return priorityOf(pull, config, connection.jetstream.api.connection);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new InvalidArgumentError(
        'priorityGroup',
        `${handler} cannot pull from consumer "${name}" of stream "${stream}" (${error.message}). ` +
          'Set the option priorityGroup of the handler to one of the priority groups of the consumer.',
      );
    }
  }

  private tracking(owner: LoopOwner): LoopOwner {
    return {
      ...owner,
      onMessage: (message) => {
        this.position.track(message);
        owner.onMessage(message);
      },
    };
  }
}

function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof ConsumerNotFoundError)) throw error;
}

function pullOptions(maxMessages: number): PullLoopOptions {
  return {
    maxMessages,
    thresholdMessages: Math.ceil(maxMessages / 2),
    maxBytes: 0,
    thresholdBytes: 0,
    limitBytesPerPull: false,
    expiry: PULL_EXPIRY,
    heartbeat: PULL_HEARTBEAT,
  };
}

/** Whether other processes may use the consumer too. */
function isNamed({ durable, name }: BaseConsumerConfig): boolean {
  return (durable ?? name) !== undefined;
}
