import type { JetStreamConnection } from '../../connection/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import {
  choice,
  count,
  date,
  decodeFields,
  duration,
  encodeFields,
  type Fields,
  flag,
  limit,
  object,
  objects,
  pairs,
  requireOptions,
  text,
  texts,
  validateFilter,
  validateStreamName,
} from '../api/index.js';
import { checkedOptions, notTogether } from '../../validation/index.js';
import { STREAM_OPTIONS } from './known-options.js';
import {
  DiscardPolicy,
  type ExternalStream,
  PersistMode,
  type Placement,
  type Republish,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StoredStreamConfig,
  type StreamConfig,
  type StreamConsumerLimits,
  type StreamConsumerSource,
  type StreamSource,
  type SubjectTransform,
} from './stream-config.js';

// An invalid name has its own error.
const OPTIONS = { ...STREAM_OPTIONS, name: true } as const;

/**
 * Checks a configuration and converts it to the wire format.
 *
 * @throws {@link InvalidStreamNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
 * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
 */
export function encodeStreamConfig(
  given: StreamConfig,
  connection: JetStreamConnection,
): Record<string, unknown> {
  const config = checkedOptions<StreamConfig>('a stream', given, OPTIONS);
  validateStreamName(config.name);
  requireOptions(connection, 'stream', config);
  for (const source of [...(config.sources ?? []), ...(config.mirror ? [config.mirror] : [])]) {
    requireOptions(connection, 'source', source);
  }
  refuseConflicts(config);
  return encodeFields(CONFIG, {
    ...config,
    mirror: config.mirror && resolveDomain(config.mirror, 'mirror'),
    sources: config.sources?.map((source, i) => resolveDomain(source, `sources[${i}]`)),
  });
}

/** Converts a configuration from the wire format; unknown fields go to `raw`. */
export function decodeStreamConfig(wire: Readonly<Record<string, unknown>>): StoredStreamConfig {
  return {
    sealed: false,
    denyDelete: false,
    denyPurge: false,
    allowRollup: false,
    allowDirect: false,
    mirrorDirect: false,
    ...decodeFields(CONFIG, wire),
  } as StoredStreamConfig;
}

/** Converts subject transforms from the wire format. */
export function decodeSubjectTransforms(
  wire: readonly Readonly<Record<string, unknown>>[],
): readonly SubjectTransform[] {
  return wire.map((item) => decodeFields(TRANSFORM, item) as SubjectTransform);
}

function refuseConflicts({ mirror, subjects, discardNewPerSubject, discard }: StreamConfig): void {
  if (mirror && subjects && subjects.length > 0) {
    throw new InvalidArgumentError(
      'subjects',
      'it cannot be combined with mirror: a mirror takes its messages from its origin',
    );
  }
  if (discardNewPerSubject && discard !== 'new') {
    throw new InvalidArgumentError('discardNewPerSubject', 'it is only allowed together with discard "new"');
  }
}

function resolveDomain(source: StreamSource, path: string): StreamSource {
  const { domain, ...rest } = source;
  if (domain === undefined) return source;
  if (source.external) {
    throw notTogether(`${path}.domain`, 'external');
  }
  return { ...rest, external: { apiPrefix: `$JS.${domain}.API` } };
}

const TRANSFORM: Fields<SubjectTransform> = {
  source: text('src'),
  destination: text('dest'),
};

const REPUBLISH: Fields<Republish> = {
  source: text('src'),
  destination: text('dest'),
  headersOnly: flag('headers_only'),
};

const PLACEMENT: Fields<Placement> = {
  cluster: text('cluster'),
  tags: texts('tags'),
};

const EXTERNAL: Fields<ExternalStream> = {
  apiPrefix: text('api'),
  deliverPrefix: text('deliver'),
};

const CONSUMER_SOURCE: Fields<StreamConsumerSource> = {
  name: text('name'),
  deliverSubject: text('deliver_subject'),
};

const SOURCE: Fields<Omit<StreamSource, 'domain'>> = {
  name: text('name'),
  startSequence: count('opt_start_seq'),
  startTime: date('opt_start_time'),
  filterSubject: text('filter_subject'),
  subjectTransforms: objects('subject_transforms', TRANSFORM),
  external: object('external', EXTERNAL),
  consumer: object('consumer', CONSUMER_SOURCE),
};

const LIMITS: Fields<StreamConsumerLimits> = {
  inactiveThreshold: duration('inactive_threshold'),
  maxAckPending: limit('max_ack_pending'),
};

const CONFIG: Fields<StreamConfig> = {
  name: text('name'),
  description: text('description'),
  subjects: texts('subjects', validateFilter),
  retention: choice('retention', RetentionPolicy),
  maxConsumers: limit('max_consumers'),
  maxMessages: limit('max_msgs'),
  maxMessagesPerSubject: limit('max_msgs_per_subject'),
  maxBytes: limit('max_bytes'),
  maxAge: duration('max_age'),
  maxMessageSize: limit('max_msg_size'),
  discard: choice('discard', DiscardPolicy),
  discardNewPerSubject: flag('discard_new_per_subject'),
  storage: choice('storage', StorageType),
  replicas: count('num_replicas'),
  noAck: flag('no_ack'),
  duplicateWindow: duration('duplicate_window'),
  placement: object('placement', PLACEMENT),
  mirror: object('mirror', SOURCE),
  sources: objects('sources', SOURCE),
  sealed: flag('sealed'),
  denyDelete: flag('deny_delete'),
  denyPurge: flag('deny_purge'),
  allowRollup: flag('allow_rollup_hdrs'),
  allowDirect: flag('allow_direct'),
  mirrorDirect: flag('mirror_direct'),
  republish: object('republish', REPUBLISH),
  compression: choice('compression', StoreCompression),
  firstSequence: count('first_seq'),
  subjectTransform: object('subject_transform', TRANSFORM),
  consumerLimits: object('consumer_limits', LIMITS),
  metadata: pairs('metadata'),
  allowMessageTtl: flag('allow_msg_ttl'),
  subjectDeleteMarkerTtl: duration('subject_delete_marker_ttl'),
  allowMessageCounter: flag('allow_msg_counter'),
  allowAtomicPublish: flag('allow_atomic'),
  allowMessageSchedules: flag('allow_msg_schedules'),
  persistMode: choice('persist_mode', PersistMode),
  allowBatchPublish: flag('allow_batched'),
};
