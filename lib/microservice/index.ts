export {
  JetStreamClient,
  type JetStreamClientOptions,
  JetStreamRecord,
  JetStreamRecordBuilder,
  type JetStreamRecordOptions,
  type TransportMode,
} from './client/index.js';
export { JetStreamEventContext, JetStreamRequestContext } from './context/index.js';
export { JetStreamExceptionFilter } from './jetstream-exception.filter.js';
export {
  type ConsumerDefaults,
  type ConsumerEvent,
  type ConsumerExtras,
  type EventExtras,
  JETSTREAM_TRANSPORT,
  JetStreamServer,
  type JetStreamServerEvents,
  type JetStreamServerOptions,
  type RequestExtras,
} from './server/index.js';
export type { TransportConnectionOptions } from './transport-connection-options.interface.js';
export type { JetStreamTransportEvents, JetStreamTransportStatus } from './transport-link.js';
