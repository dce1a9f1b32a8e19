export type { Counter } from './counters.js';
export { headerSize } from './header-size.js';
export type * from './ingest-options.js';
export type { IngestSource } from './ingest.js';
export type { PubAckFuture } from './pub-ack-future.js';
export { PubAckReader, type PubAck } from './pub-ack.js';
export type * from './publish-options.js';
export { Publisher } from './publisher.js';
