export * from './client/index.js';
export * from './context/index.js';
export * from './jetstream-exception.filter.js';
export * from './server/index.js';
export type {
  JetStreamTransportEvents,
  JetStreamTransportStatus,
  TransportConnectionOptions,
} from './transport-link.js';
