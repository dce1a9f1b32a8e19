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

/** The options of a consumer that cannot be changed after its creation. */
const FIXED = new Set([
  'deliverPolicy',
  'startSequence',
  'startTime',
  'ackPolicy',
  'replayPolicy',
  'memoryStorage',
]);

/**
 * Creates the pull consumer of a handler. Depending on `provisioning`, an existing consumer with other options is
 * updated, only compared, or not changed; an update that affects another application with the same consumer is logged
 * as a warning. A consumer without a name is ephemeral and always created.
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
      'these options cannot be changed; use another name, or delete the consumer',
    );
  }
  // Undeclared options keep their values, except the filter: omitting it declares that there is none.
  const { filterSubject: _, filterSubjects: __, ...kept } = consumer.cachedInfo.config;
  const updated = await access.make(mergedConfig(kept, declared));
  const update = `${what} updated: ${describeDifferences(differences)}`;
  if (!differences.some(affectsOthers)) logger.log(update);
  else {
    logger.warn(
      `${update}. From now on, every application that uses this consumer gets messages according to the new options. If ` +
        'another one still runs with the old options, use another durable name in one of the two',
    );
  }
  return updated;
}

/**
 * Adapts the start of a declaration to that of the existing consumer if both are equivalent: a consumer of new messages
 * whose stream was created again starts at the first message of the new stream.
 */
function withStartOf<Config extends Pick<ConsumerConfig, 'deliverPolicy'>>(
  { deliverPolicy, startSequence }: ConsumerInfo['config'],
  declared: Config,
): Config {
  const isSame =
    declared.deliverPolicy === 'new' && deliverPolicy === 'by_start_sequence' && startSequence === 1;
  return isSame ? { ...declared, deliverPolicy: undefined } : declared;
}

/**
 * The options that decide which messages are delivered, how often and where. They affect other users of the consumer.
 */
const SHARED = new Set(['ackWait', 'filterSubjects', 'headersOnly', 'deliverSubject', 'deliverGroup']);

/** Whether an update changes deliveries for another application with the same consumer. */
function affectsOthers({ option, actual, wanted }: ConfigDifference): boolean {
  return SHARED.has(option) || (option === 'maxDeliver' && deliveries(wanted) < deliveries(actual));
}

/** The maximum number of deliveries. The server's default, and -1, means no limit. */
function deliveries(maxDeliver: unknown): number {
  return typeof maxDeliver === 'number' && maxDeliver > 0 ? maxDeliver : Infinity;
}

/** Normalizes filters: one filter is the same as a list of one, and no filter the same as an empty list. */
function comparable(config: object): object {
  const { filterSubject, filterSubjects, ...rest } = config as ConsumerConfig;
  const filters = filterSubjects ?? (filterSubject ? [filterSubject] : []);
  return { ...rest, filterSubjects: [...filters].sort() };
}
