import { Logger } from '@nestjs/common';
import { ConfigMismatchError, ConsumerNotFoundError } from '../../errors/index.js';
import type {
  Consumer,
  ConsumerConfig,
  ConsumerInfo,
  PushConsumer,
  PushConsumerConfig,
} from '../consumers/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import {
  configDifferences,
  describeDifferences,
  mergedConfig,
  type ConfigDifference,
  type Provisioning,
} from './provisioning.js';

const logger = new Logger('JetStreamProvisioning');

/** The options that a consumer keeps from its creation on. */
const FIXED = new Set([
  'deliverPolicy',
  'startSequence',
  'startTime',
  'ackPolicy',
  'replayPolicy',
  'memoryStorage',
]);

/**
 * Creates a pull consumer as a handler declares it. One that exists with other options is updated, only compared or left
 * alone, as `provisioning` says; an update that another application with the same consumer notices is logged as a warning.
 * A consumer without a name is ephemeral and always created.
 *
 * @throws {@link ConsumerNotFoundError} if it is missing and must not be created
 * @throws {@link NotAPullConsumerError} if a push consumer has that name
 * @throws {@link ConfigMismatchError} if it differs and must not, or cannot, be changed
 */
export function provisionConsumer(
  jetstream: JetStreamService,
  stream: string,
  config: ConsumerConfig,
  provisioning: Provisioning,
): Promise<Consumer> {
  return provision(stream, config, provisioning, {
    find: (name) => jetstream.consumer(stream, name),
    make: (wanted) => jetstream.createOrUpdateConsumer(stream, wanted),
  });
}

/**
 * Creates a push consumer; otherwise the same as {@link provisionConsumer}.
 *
 * @throws {@link NotAPushConsumerError} if a pull consumer has that name
 */
export function provisionPushConsumer(
  jetstream: JetStreamService,
  stream: string,
  config: PushConsumerConfig,
  provisioning: Provisioning,
): Promise<PushConsumer> {
  return provision(stream, config, provisioning, {
    find: (name) => jetstream.pushConsumer(stream, name),
    make: (wanted) => jetstream.createOrUpdatePushConsumer(stream, wanted),
  });
}

interface Access<Config, Handle> {
  find(name: string): Promise<Handle>;
  make(config: Config): Promise<Handle>;
}

async function provision<
  Config extends Pick<ConsumerConfig, 'name' | 'durable' | 'deliverPolicy'>,
  Handle extends { readonly cachedInfo: ConsumerInfo },
>(
  stream: string,
  config: Config,
  provisioning: Provisioning,
  access: Access<Config, Handle>,
): Promise<Handle> {
  const name = config.durable ?? config.name;
  if (name === undefined) return access.make(config);
  let consumer: Handle;
  try {
    consumer = await access.find(name);
  } catch (error) {
    if (!(error instanceof ConsumerNotFoundError) || provisioning !== 'ensure') throw error;
    consumer = await access.make(config);
    logger.log(`Consumer "${name}" of stream "${stream}" created`);
    return consumer;
  }
  if (provisioning === 'off') return consumer;
  const declared = withStartOf(consumer.cachedInfo.config, config);
  const differences = configDifferences(comparable(consumer.cachedInfo.config), comparable(declared));
  if (differences.length === 0) return consumer;
  const what = `Consumer "${name}" of stream "${stream}"`;
  if (provisioning === 'assert') throw new ConfigMismatchError(what, describeDifferences(differences));
  const fixed = differences.filter(({ option }) => FIXED.has(option));
  if (fixed.length > 0) {
    throw new ConfigMismatchError(
      what,
      describeDifferences(fixed),
      'these options cannot change: use another name, or delete it',
    );
  }
  // What is not declared stays as it is, but for the filter: it is declared by leaving it out.
  const { filterSubject: _, filterSubjects: __, ...kept } = consumer.cachedInfo.config;
  const updated = await access.make(mergedConfig(kept, declared));
  const update = `${what} updated: ${describeDifferences(differences)}`;
  if (!differences.some(affectsOthers)) logger.log(update);
  else {
    logger.warn(
      `${update}. Every application that uses this consumer gets messages by the new options from now on. If another ` +
        'one still runs with the old options, give one of the two another durable name',
    );
  }
  return updated;
}

/**
 * A declaration with the start that the consumer has, where both mean the same: one of new messages that was made for a stream
 * which was created again is made to start at its first message.
 */
function withStartOf<Config extends Pick<ConsumerConfig, 'deliverPolicy'>>(
  { deliverPolicy, startSequence }: ConsumerInfo['config'],
  declared: Config,
): Config {
  const isSame =
    declared.deliverPolicy === 'new' && deliverPolicy === 'by_start_sequence' && startSequence === 1;
  return isSame ? { ...declared, deliverPolicy: undefined } : declared;
}

/** The options that decide which messages are delivered, how often and where: for others who use the consumer too. */
const SHARED = new Set(['ackWait', 'filterSubjects', 'headersOnly', 'deliverSubject', 'deliverGroup']);

/** Whether an update takes something away from, or changes something for, another application with the same consumer. */
function affectsOthers({ option, actual, wanted }: ConfigDifference): boolean {
  return SHARED.has(option) || (option === 'maxDeliver' && deliveries(wanted) < deliveries(actual));
}

/** How often a message is delivered at the most. The server's default, and -1, is without end. */
function deliveries(maxDeliver: unknown): number {
  return typeof maxDeliver === 'number' && maxDeliver > 0 ? maxDeliver : Infinity;
}

/** One filter or a list of one mean the same, and none is a list of none. */
function comparable(config: object): object {
  const { filterSubject, filterSubjects, ...rest } = config as ConsumerConfig;
  const filters = filterSubjects ?? (filterSubject ? [filterSubject] : []);
  return { ...rest, filterSubjects: [...filters].sort() };
}
