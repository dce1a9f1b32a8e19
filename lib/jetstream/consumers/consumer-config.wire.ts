import type { JetStreamConnection } from '../../connection/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { notTogether } from '../../validation/index.js';
import {
  choice,
  count,
  date,
  decodeFields,
  duration,
  durations,
  encodeFields,
  type Fields,
  flag,
  limit,
  pairs,
  requireOptions,
  text,
  texts,
  validateConsumerName,
  validateFilter,
  validateSubject,
} from '../api/index.js';
import {
  AckPolicy,
  type BaseConsumerConfig,
  type ConsumerConfig,
  DeliverPolicy,
  PriorityPolicy,
  type PushConsumerConfig,
  ReplayPolicy,
  type StoredConsumerConfig,
} from './consumer-config.js';

/**
 * Checks a configuration of either kind and converts it to the wire format. A single filter is sent as
 * `filter_subject`, which every server version supports.
 *
 * @throws {@link InvalidConsumerNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
 * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
 */
export function encodeConsumerConfig(
  config: ConsumerConfig | PushConsumerConfig,
  connection: JetStreamConnection,
): Record<string, unknown> {
  if (config.name !== undefined) validateConsumerName(config.name);
  if (config.durable !== undefined) validateConsumerName(config.durable);
  refuseConflicts(config);
  const { filterSubject, filterSubjects } = singleFilter(config);
  const options = { ...config, filterSubject, filterSubjects };
  requireOptions(connection, 'consumer', options);
  const wire = encodeFields<AnyConsumerConfig>(CONFIG, options);
  // The server has no default for the ack policy, and 2.9 has none for the other two.
  return { ack_policy: 'explicit', deliver_policy: 'all', replay_policy: 'instant', ...wire };
}

/** Converts a configuration from the wire format; unknown fields go to `raw`. */
export function decodeConsumerConfig(wire: Readonly<Record<string, unknown>>): StoredConsumerConfig {
  return decodeFields<AnyConsumerConfig>(CONFIG, wire) as StoredConsumerConfig;
}

function singleFilter(
  config: BaseConsumerConfig,
): Pick<BaseConsumerConfig, 'filterSubject' | 'filterSubjects'> {
  const { filterSubject, filterSubjects } = config;
  if (filterSubject !== undefined && filterSubjects !== undefined && filterSubjects.length > 0) {
    throw notTogether('filterSubject', 'filterSubjects');
  }
  if (filterSubjects?.length === 1) return { filterSubject: filterSubjects[0] };
  return filterSubjects?.length === 0 ? { filterSubject } : { filterSubject, filterSubjects };
}

function refuseConflicts(config: ConsumerConfig | PushConsumerConfig): void {
  const { name, durable, deliverPolicy, startSequence, startTime, backoff, maxDeliver } = config;
  if (name !== undefined && durable !== undefined && name !== durable) {
    throw new InvalidArgumentError(
      'name',
      `"${name}" differs from durable "${durable}"; set only one of them`,
    );
  }
  if ((deliverPolicy === 'by_start_sequence') !== (startSequence !== undefined)) {
    throw new InvalidArgumentError(
      'startSequence',
      'it is required with deliverPolicy "by_start_sequence", and only allowed with it',
    );
  }
  if ((deliverPolicy === 'by_start_time') !== (startTime !== undefined)) {
    throw new InvalidArgumentError(
      'startTime',
      'it is required with deliverPolicy "by_start_time", and only allowed with it',
    );
  }
  if (backoff && maxDeliver !== undefined && maxDeliver > 0 && backoff.length > maxDeliver) {
    throw new InvalidArgumentError(
      'backoff',
      `it has ${backoff.length} intervals, which is more than maxDeliver (${maxDeliver})`,
    );
  }
  if (config.deliverSubject === undefined) refusePushOptions(config);
  else refusePullOptions(config);
}

function refusePushOptions(config: object): void {
  for (const option of ['deliverGroup', 'flowControl', 'idleHeartbeat', 'rateLimitBps']) {
    if (isSet(config, option)) {
      throw new InvalidArgumentError(
        option,
        'it is only allowed for push consumers, which have a deliverSubject',
      );
    }
  }
}

function refusePullOptions(config: PushConsumerConfig): void {
  validateSubject(config.deliverSubject);
  for (const option of PULL_OPTIONS) {
    if (isSet(config, option)) {
      throw new InvalidArgumentError(
        option,
        'it is only allowed for pull consumers, which have no deliverSubject',
      );
    }
  }
  if (config.flowControl && !config.idleHeartbeat) {
    throw new InvalidArgumentError('flowControl', 'it is only allowed together with idleHeartbeat');
  }
}

const PULL_OPTIONS = [
  'maxWaiting',
  'maxRequestBatch',
  'maxRequestExpires',
  'maxRequestMaxBytes',
  'priorityPolicy',
  'priorityGroups',
  'pinnedTtl',
] as const;

function isSet(config: object, option: string): boolean {
  const value = (config as Readonly<Record<string, unknown>>)[option];
  return value !== undefined && value !== false && value !== 0;
}

type AnyConsumerConfig = Omit<ConsumerConfig, 'deliverSubject'> &
  Omit<PushConsumerConfig, 'deliverSubject'> & { readonly deliverSubject?: string | undefined };

const CONFIG: Fields<AnyConsumerConfig> = {
  name: text('name'),
  durable: text('durable_name'),
  description: text('description'),
  deliverPolicy: choice('deliver_policy', DeliverPolicy),
  startSequence: count('opt_start_seq', 1),
  startTime: date('opt_start_time'),
  ackPolicy: choice('ack_policy', AckPolicy),
  ackWait: duration('ack_wait'),
  maxDeliver: limit('max_deliver'),
  backoff: durations('backoff'),
  filterSubject: { ...text('filter_subject'), encode: (value) => (validateFilter(value), value) },
  filterSubjects: texts('filter_subjects', validateFilter),
  replayPolicy: choice('replay_policy', ReplayPolicy),
  rateLimitBps: count('rate_limit_bps'),
  sampleFrequency: text('sample_freq'),
  maxWaiting: count('max_waiting'),
  maxAckPending: limit('max_ack_pending'),
  headersOnly: flag('headers_only'),
  maxRequestBatch: count('max_batch'),
  maxRequestExpires: duration('max_expires'),
  maxRequestMaxBytes: count('max_bytes'),
  inactiveThreshold: duration('inactive_threshold'),
  replicas: count('num_replicas'),
  memoryStorage: flag('mem_storage'),
  metadata: pairs('metadata'),
  pauseUntil: date('pause_until'),
  priorityPolicy: choice('priority_policy', PriorityPolicy),
  pinnedTtl: duration('priority_timeout'),
  priorityGroups: texts('priority_groups'),
  deliverSubject: text('deliver_subject'),
  deliverGroup: text('deliver_group'),
  flowControl: flag('flow_control'),
  idleHeartbeat: duration('idle_heartbeat'),
};
