import {
  count,
  filledText,
  flag,
  limit,
  ListOf,
  oneOf,
  pairs,
  rawFields,
  required,
  serverDuration,
  text,
  texts,
  validDate,
  type AllOptionsOf,
} from '../../validation/index.js';
import {
  DiscardPolicy,
  PersistMode,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type ExternalStream,
  type Placement,
  type Republish,
  type StreamConfig,
  type StreamConsumerLimits,
  type StreamConsumerSource,
  type StreamSource,
  type SubjectTransform,
} from './stream-config.js';

const subjectTransform = {
  source: text,
  destination: required(text),
  raw: rawFields,
} satisfies AllOptionsOf<SubjectTransform>;

/** The options of {@link Placement}. */
export const PLACEMENT_OPTIONS = {
  cluster: text,
  tags: texts,
  raw: rawFields,
} satisfies AllOptionsOf<Placement>;

/** The options of {@link Republish}. */
export const REPUBLISH_OPTIONS = {
  source: text,
  destination: required(text),
  headersOnly: flag,
  raw: rawFields,
} satisfies AllOptionsOf<Republish>;

/** The options of {@link StreamSource}. */
export const STREAM_SOURCE_OPTIONS = {
  name: required(filledText),
  startSequence: count(0),
  startTime: validDate,
  filterSubject: text,
  subjectTransforms: new ListOf(subjectTransform, 'a list of subject transforms'),
  external: {
    apiPrefix: required(text),
    deliverPrefix: text,
    raw: rawFields,
  } satisfies AllOptionsOf<ExternalStream>,
  domain: filledText,
  consumer: {
    name: required(text),
    deliverSubject: required(text),
    raw: rawFields,
  } satisfies AllOptionsOf<StreamConsumerSource>,
  raw: rawFields,
} satisfies AllOptionsOf<StreamSource>;

/** The number of servers that store a stream, bucket or consumer; 0 for the default. */
export const replicaCount = count(0, 5);

/** The storage of streams and buckets. */
export const storageType = oneOf(Object.values(StorageType));

/** The sources of a stream or bucket. */
export const streamSources = new ListOf(STREAM_SOURCE_OPTIONS, 'a list of sources');

/** The options of {@link StreamConfig}. Names and subjects are validated when the stream is created. */
export const STREAM_OPTIONS = {
  name: required(filledText),
  description: text,
  subjects: texts,
  retention: oneOf(Object.values(RetentionPolicy)),
  maxConsumers: limit,
  maxMessages: limit,
  maxMessagesPerSubject: limit,
  maxBytes: limit,
  maxAge: serverDuration(),
  maxMessageSize: limit,
  discard: oneOf(Object.values(DiscardPolicy)),
  discardNewPerSubject: flag,
  storage: storageType,
  replicas: replicaCount,
  noAck: flag,
  duplicateWindow: serverDuration(),
  placement: PLACEMENT_OPTIONS,
  mirror: STREAM_SOURCE_OPTIONS,
  sources: streamSources,
  sealed: flag,
  denyDelete: flag,
  denyPurge: flag,
  allowRollup: flag,
  allowDirect: flag,
  mirrorDirect: flag,
  republish: REPUBLISH_OPTIONS,
  compression: oneOf(Object.values(StoreCompression)),
  firstSequence: count(0),
  subjectTransform,
  consumerLimits: {
    inactiveThreshold: serverDuration(),
    maxAckPending: limit,
    raw: rawFields,
  } satisfies AllOptionsOf<StreamConsumerLimits>,
  metadata: pairs,
  allowMessageTtl: flag,
  subjectDeleteMarkerTtl: serverDuration(),
  allowMessageCounter: flag,
  allowAtomicPublish: flag,
  allowMessageSchedules: flag,
  persistMode: oneOf(Object.values(PersistMode)),
  allowBatchPublish: flag,
  raw: rawFields,
} satisfies AllOptionsOf<StreamConfig>;
