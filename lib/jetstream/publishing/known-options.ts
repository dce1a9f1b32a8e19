import { MessageHeaders } from '../../connection/index.js';
import {
  count,
  flag,
  functionRule,
  optionsCheck,
  positiveDuration,
  type AllOptionsOf,
  type OptionRule,
  rule,
} from '../../validation/index.js';
import { copyHeaders } from './publish-headers.js';
import type { IngestMessage, IngestOptions } from './ingest-options.js';
import type {
  BatchMessage,
  DeliveryOptions,
  IncrementOptions,
  MessageOptions,
  OutgoingMessage,
  PublishDefaults,
  PublishExpectations,
  PublishHeaders,
  PublishOptions,
  PublishRetry,
  Schedule,
} from './publish-options.js';

/** The headers of published messages, or a function that returns them. */
export const headersRule: OptionRule = rule(
  'an object of headers, with printable names and values without line breaks, or a function that returns one',
  (value) => {
    if (typeof value !== 'function') copyHeaders(value as PublishHeaders, new MessageHeaders());
    return true;
  },
);

const retry = { attempts: true, wait: true } satisfies AllOptionsOf<PublishRetry>;

/** The options of {@link PublishDefaults}, which are checked at startup. */
export const PUBLISH_DEFAULTS = {
  headers: headersRule,
  timeout: positiveDuration,
  retry: { wait: positiveDuration, attempts: count(0) } satisfies AllOptionsOf<PublishRetry>,
  idempotent: flag,
  maxPending: count(),
  stallWait: positiveDuration,
  onError: functionRule('a function of an error and a message'),
  onAck: functionRule('a function of an acknowledgement and a message'),
} satisfies AllOptionsOf<PublishDefaults>;

/** The options of {@link PublishExpectations}. */
export const EXPECTATIONS = {
  lastMessageId: true,
  lastSequence: true,
  lastSubjectSequence: true,
  lastSubjectSequenceSubject: true,
  stream: true,
} satisfies AllOptionsOf<PublishExpectations>;

/** The options of {@link Schedule}. */
export const SCHEDULE_OPTIONS = {
  at: true,
  cron: true,
  every: true,
  source: true,
  target: true,
  timeZone: true,
  ttl: true,
} satisfies AllOptionsOf<Schedule>;

// The values are checked when they are used, so that messages without them cost nothing.
const delivery = {
  retry,
  signal: true,
  timeout: true,
} satisfies AllOptionsOf<DeliveryOptions>;

const message = {
  codec: true,
  expect: EXPECTATIONS,
  // The names are chosen by the application.
  headers: true,
  idempotent: true,
  messageId: true,
  schedule: SCHEDULE_OPTIONS,
  ttl: true,
} satisfies AllOptionsOf<MessageOptions>;

/** The options of {@link PublishOptions}. */
export const PUBLISH_OPTIONS = { ...message, ...delivery } satisfies AllOptionsOf<PublishOptions>;

const outgoing = { data: true, headers: true, subject: true } satisfies AllOptionsOf<OutgoingMessage>;
const { codec, expect, messageId, schedule, ttl } = message;

export const checkPublishOptions = optionsCheck<PublishOptions>('publish', PUBLISH_OPTIONS);
export const checkCoreOptions = optionsCheck<Pick<MessageOptions, 'codec' | 'headers'>>(
  'publishing without a stream',
  { codec, headers: true },
);
export const checkMessage = optionsCheck<OutgoingMessage>('a message to publish', outgoing, 'message');
export const checkDeliveryOptions = optionsCheck<DeliveryOptions>('publishBatch', delivery);
export const checkBatchMessage = optionsCheck<BatchMessage>(
  'a message of a batch',
  { ...outgoing, codec, expect, messageId, schedule, ttl },
  'message',
);
export const checkIncrementOptions = optionsCheck<IncrementOptions>('increment', {
  ...delivery,
  idempotent: true,
  messageId,
});
export const checkIngestOptions = optionsCheck<IngestOptions>('ingest', {
  ...delivery,
  ackInterval: true,
  allowGaps: true,
  maxOutstandingAcks: true,
  onGap: true,
  onRefused: true,
});
export const checkIngestMessage = optionsCheck<IngestMessage>(
  'a message of an ingest',
  { ...outgoing, codec, expect, messageId, ttl },
  'message',
);
