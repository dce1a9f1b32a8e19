export type { JetStreamClientOptions } from './jetstream-client-options.interface.js';
export { JetStreamClient } from './jetstream-client.js';
export type { JetStreamRecordOptions, TransportMode } from './jetstream-record-options.interface.js';
export { JetStreamRecord, JetStreamRecordBuilder } from './jetstream-record.js';
