import { Logger } from '@nestjs/common';
import { ConfigMismatchError, ConsumerNotFoundError } from '../../errors/index.js';
import type { Consumer, ConsumerConfig } from '../consumers/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import { configDifferences, describeDifferences, type Provisioning } from './provisioning.js';

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
 * Makes a pull consumer as a handler declares it, or checks that it is so. One without a name is ephemeral and always
 * made.
 *
 * @throws {@link ConsumerNotFoundError} where it is missing and must not be made
 * @throws {@link NotAPullConsumerError} where a push consumer has that name
 * @throws {@link ConfigMismatchError} where it differs and must not, or cannot, be changed
 */
export async function provisionConsumer(
  jetstream: JetStreamService,
  stream: string,
  config: ConsumerConfig,
  provisioning: Provisioning,
): Promise<Consumer> {
  const name = config.durable ?? config.name;
  if (name === undefined) return jetstream.createOrUpdateConsumer(stream, config);
  let consumer: Consumer;
  try {
    consumer = await jetstream.consumer(stream, name);
  } catch (error) {
    if (!(error instanceof ConsumerNotFoundError) || provisioning !== 'ensure') throw error;
    consumer = await jetstream.createOrUpdateConsumer(stream, config);
    logger.log(`Consumer "${name}" of stream "${stream}" created`);
    return consumer;
  }
  if (provisioning === 'off') return consumer;
  const differences = configDifferences(comparable(consumer.cachedInfo.config), comparable(config));
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
  const { filterSubject: _, ...kept } = consumer.cachedInfo.config;
  const updated = await jetstream.createOrUpdateConsumer(stream, { ...kept, ...config } as ConsumerConfig);
  logger.log(`${what} updated: ${describeDifferences(differences)}`);
  return updated;
}

/** One filter or a list of one mean the same. */
function comparable(config: object): object {
  const { filterSubject, filterSubjects, ...rest } = config as ConsumerConfig;
  const filters = filterSubjects ?? (filterSubject === undefined ? undefined : [filterSubject]);
  return { ...rest, filterSubjects: filters && [...filters].sort() };
}
