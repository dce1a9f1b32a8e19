import type { AllOptionsOf } from '../../validation/index.js';
import type {
  ExternalStream,
  Placement,
  Republish,
  StreamConfig,
  StreamConsumerLimits,
  StreamConsumerSource,
  StreamSource,
  SubjectTransform,
} from './stream-config.js';

const subjectTransform = {
  source: true,
  destination: true,
  raw: true,
} satisfies AllOptionsOf<SubjectTransform>;

/** The options of {@link Placement}. */
export const PLACEMENT_OPTIONS = { cluster: true, tags: true, raw: true } satisfies AllOptionsOf<Placement>;

/** The options of {@link Republish}. */
export const REPUBLISH_OPTIONS = {
  source: true,
  destination: true,
  headersOnly: true,
  raw: true,
} satisfies AllOptionsOf<Republish>;

/** The options of {@link StreamSource}. */
export const STREAM_SOURCE_OPTIONS = {
  name: true,
  startSequence: true,
  startTime: true,
  filterSubject: true,
  subjectTransforms: subjectTransform,
  external: { apiPrefix: true, deliverPrefix: true, raw: true } satisfies AllOptionsOf<ExternalStream>,
  domain: true,
  consumer: { name: true, deliverSubject: true, raw: true } satisfies AllOptionsOf<StreamConsumerSource>,
  raw: true,
} satisfies AllOptionsOf<StreamSource>;

/** The options of {@link StreamConfig}. */
export const STREAM_OPTIONS = {
  name: true,
  description: true,
  subjects: true,
  retention: true,
  maxConsumers: true,
  maxMessages: true,
  maxMessagesPerSubject: true,
  maxBytes: true,
  maxAge: true,
  maxMessageSize: true,
  discard: true,
  discardNewPerSubject: true,
  storage: true,
  replicas: true,
  noAck: true,
  duplicateWindow: true,
  placement: PLACEMENT_OPTIONS,
  mirror: STREAM_SOURCE_OPTIONS,
  sources: STREAM_SOURCE_OPTIONS,
  sealed: true,
  denyDelete: true,
  denyPurge: true,
  allowRollup: true,
  allowDirect: true,
  mirrorDirect: true,
  republish: REPUBLISH_OPTIONS,
  compression: true,
  firstSequence: true,
  subjectTransform,
  consumerLimits: {
    inactiveThreshold: true,
    maxAckPending: true,
    raw: true,
  } satisfies AllOptionsOf<StreamConsumerLimits>,
  metadata: true,
  allowMessageTtl: true,
  subjectDeleteMarkerTtl: true,
  allowMessageCounter: true,
  allowAtomicPublish: true,
  allowMessageSchedules: true,
  persistMode: true,
  allowBatchPublish: true,
  raw: true,
} satisfies AllOptionsOf<StreamConfig>;
