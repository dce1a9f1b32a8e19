export type { Counter } from './counters.js';
export { defaultHeaders } from './default-headers.js';
export { headerSize } from './header-size.js';
export type { IngestGap, IngestMessage, IngestOptions, IngestResult } from './ingest-options.js';
export type { IngestSource } from './ingest.js';
export { EXPECTATIONS, headersRule, PUBLISH_DEFAULTS, SCHEDULE_OPTIONS } from './known-options.js';
export { withInstruments } from './instrument-headers.js';
export { LossReport } from './loss-report.js';
export type { PubAckFuture } from './pub-ack-future.js';
export { type PubAck, PubAckReader } from './pub-ack.js';
export { copyHeaders } from './publish-headers.js';
export type {
  BatchMessage,
  DefaultHeaders,
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
export { Publisher } from './publisher.js';
