import { nuid } from '@nats-io/transport-node';
import {
  ConsumerExistsError,
  ConsumerNotFoundError,
  NotAPullConsumerError,
  NotAPushConsumerError,
} from '../../errors/index.js';
import {
  type CallOptions,
  inSteps,
  type JetStreamApi,
  validateConsumerName,
  validateStreamName,
  waitOf,
} from '../api/index.js';
import type {
  ConsumerConfig,
  PushConsumerConfig,
  StoredPullConsumerConfig,
  StoredPushConsumerConfig,
} from './consumer-config.js';
import { differsFromStored } from './consumer-config.differences.js';
import { encodeConsumerConfig } from './consumer-config.wire.js';
import { decodeConsumerInfo, type ConsumerInfo, type WireConsumerInfo } from './consumer-info.js';

/** `create` never updates, `update` never creates, `''` does either. */
export type ConsumerAction = 'create' | 'update' | '';

/** Creates or updates a pull or push consumer. */
export async function upsertConsumer(
  api: JetStreamApi,
  stream: string,
  config: ConsumerConfig | PushConsumerConfig,
  action: ConsumerAction,
  options: CallOptions,
): Promise<ConsumerInfo> {
  validateStreamName(stream);
  const wire = encodeConsumerConfig(config, api.connection);
  const name = config.name ?? config.durable ?? nuid.next();
  const filter = typeof wire.filter_subject === 'string' ? `.${wire.filter_subject}` : '';
  return inSteps(options, async (left) => {
    if (action !== '' && !api.connection.supports('2.10.0')) {
      const existing = await actBeforehand(api, stream, name, wire, action, left);
      if (existing) return existing;
    }
    const info = await api.call<WireConsumerInfo>(
      `CONSUMER.CREATE.${stream}.${name}${filter}`,
      { stream_name: stream, config: wire, action },
      { ...left, stream, consumer: name },
    );
    return decodeConsumerInfo(info);
  });
}

/** Asks the server about one consumer. */
export async function consumerInfo(
  api: JetStreamApi,
  stream: string,
  name: string,
  options: CallOptions,
): Promise<ConsumerInfo> {
  return decodeConsumerInfo(await wireInfo(api, stream, name, options));
}

/** @throws {@link NotAPullConsumerError} */
export function requirePull(info: ConsumerInfo): ConsumerInfo<StoredPullConsumerConfig> {
  const { config } = info;
  if (config.deliverSubject !== undefined) throw new NotAPullConsumerError(info.stream, info.name);
  return { ...info, config };
}

/** @throws {@link NotAPushConsumerError} */
export function requirePush(info: ConsumerInfo): ConsumerInfo<StoredPushConsumerConfig> {
  const { config } = info;
  if (config.deliverSubject === undefined) throw new NotAPushConsumerError(info.stream, info.name);
  return { ...info, config };
}

/**
 * Emulates create and update for nats-server 2.9, which treats every request as either. It reads the consumer first,
 * which is correct unless another client creates the same consumer at the same moment.
 *
 * @returns the existing consumer if there is nothing to do
 */
async function actBeforehand(
  api: JetStreamApi,
  stream: string,
  name: string,
  config: Readonly<Record<string, unknown>>,
  action: 'create' | 'update',
  options: CallOptions,
): Promise<ConsumerInfo | undefined> {
  const existing = await wireInfo(api, stream, name, options).catch((error: unknown) => {
    if (error instanceof ConsumerNotFoundError) return undefined;
    throw error;
  });
  if (action === 'update') {
    if (!existing) throw new ConsumerNotFoundError(stream, name);
    return undefined;
  }
  if (existing && differsFromStored(config, existing.config)) throw new ConsumerExistsError(stream, name);
  return existing && decodeConsumerInfo(existing);
}

async function wireInfo(
  api: JetStreamApi,
  stream: string,
  name: string,
  options: CallOptions,
): Promise<WireConsumerInfo> {
  validateStreamName(stream);
  validateConsumerName(name);
  return api.call(`CONSUMER.INFO.${stream}.${name}`, undefined, {
    ...waitOf(options),
    stream,
    consumer: name,
  });
}
