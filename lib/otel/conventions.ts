import type { OperationKind } from '../instruments/index.js';

/**
 * The names of attributes, metrics and events. Those of messaging in general follow OpenTelemetry's semantic conventions:
 *
 * - https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 * - https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/
 *
 * The conventions define nothing for NATS, so names of its own begin with `messaging.nats.` and `nats.jetstream.`.
 */
export const Attribute = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destinationName: 'messaging.destination.name',
  destinationTemplate: 'messaging.destination.template',
  consumerGroup: 'messaging.consumer.group.name',
  bodySize: 'messaging.message.body.size',
  batchCount: 'messaging.batch.message_count',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  errorType: 'error.type',
  stream: 'messaging.nats.stream.name',
  streamSequence: 'messaging.nats.message.stream_sequence',
  consumerSequence: 'messaging.nats.message.consumer_sequence',
  deliveryCount: 'messaging.nats.message.delivery_count',
  duplicate: 'messaging.nats.message.duplicate',
  outcome: 'messaging.nats.message.outcome',
  reason: 'messaging.nats.message.reason',
  delay: 'messaging.nats.message.delay',
  handler: 'messaging.nats.handler',
  bucket: 'messaging.nats.bucket.name',
  key: 'messaging.nats.key',
  object: 'messaging.nats.object.name',
  connection: 'messaging.nats.connection',
  state: 'messaging.nats.handler.state',
  serverName: 'messaging.nats.server.name',
  serverVersion: 'messaging.nats.server.version',
  cluster: 'messaging.nats.server.cluster',
  hop: 'messaging.nats.hop',
} as const;

/** Captured headers, with the name of the header in lower case. */
export const HEADER_PREFIX = 'messaging.header.';

/** The values of what a server did with a message. */
export const HOP_PREFIX = 'messaging.nats.hop.';

export const SYSTEM = 'nats';

/** The value of `error.type` if nothing better is known. */
export const OTHER_ERROR = '_OTHER';

export const Metric = {
  operationDuration: 'messaging.client.operation.duration',
  sentMessages: 'messaging.client.sent.messages',
  consumedMessages: 'messaging.client.consumed.messages',
  processDuration: 'messaging.process.duration',
  deliveries: 'nats.jetstream.deliveries',
  deliveryDelay: 'nats.jetstream.delivery.delay',
  active: 'nats.jetstream.handler.active',
  buffered: 'nats.jetstream.handler.buffered',
  state: 'nats.jetstream.handler.state',
  deadLetters: 'nats.jetstream.dead_letters',
  publishPending: 'nats.jetstream.publish.pending',
  reconnects: 'nats.jetstream.connection.reconnects',
} as const;

/** The boundaries of durations, in seconds, that the conventions recommend. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The boundaries of delivery delays, in seconds: a backlog may be hours old. */
export const DELAY_BUCKETS = [
  0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1_800, 3_600, 21_600, 86_400,
];

/** How an operation is named; `type` only for those that the messaging conventions know. */
export interface OperationNames {
  /** The value of `messaging.operation.name`. */
  readonly name: string;
  /** The first word of the name of a span. */
  readonly word: string;
  readonly type?: 'send' | 'process' | 'settle';
}

export const PROCESS: OperationNames = { name: 'process', word: 'process', type: 'process' };
/** The path of a message through a server; the conventions know no such operation. */
export const HOP: OperationNames = { name: 'route', word: 'nats-server' };
export const SCHEDULE: OperationNames = { name: 'schedule', word: 'schedule', type: 'send' };

export const OPERATIONS: Readonly<Record<OperationKind, OperationNames>> = {
  publish: { name: 'publish', word: 'publish', type: 'send' },
  'publish-batch': { name: 'publish', word: 'publish', type: 'send' },
  ingest: { name: 'ingest', word: 'ingest', type: 'send' },
  request: { name: 'request', word: 'request', type: 'send' },
  'kv-get': { name: 'kv-get', word: 'get' },
  'kv-put': { name: 'kv-put', word: 'put' },
  'kv-create': { name: 'kv-create', word: 'create' },
  'kv-update': { name: 'kv-update', word: 'update' },
  'kv-delete': { name: 'kv-delete', word: 'delete' },
  'kv-purge': { name: 'kv-purge', word: 'purge' },
  'object-get': { name: 'object-get', word: 'get' },
  'object-put': { name: 'object-put', word: 'put' },
  'object-update': { name: 'object-update', word: 'update' },
  'object-link': { name: 'object-link', word: 'link' },
  'object-delete': { name: 'object-delete', word: 'delete' },
  'dead-letter': { name: 'dead-letter', word: 'dead-letter', type: 'send' },
  replay: { name: 'replay', word: 'replay' },
};

/** Whether an operation belongs to a Key-Value bucket. */
export function isKeyValue(kind: OperationKind): boolean {
  return kind.startsWith('kv-');
}

/** Whether an operation belongs to an object store. */
export function isObjectStore(kind: OperationKind): boolean {
  return kind.startsWith('object-');
}
