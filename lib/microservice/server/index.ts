export type { ConsumerEvent, JetStreamServerEvents } from './jetstream-server-events.js';
export type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
export { JETSTREAM_TRANSPORT, JetStreamServer } from './jetstream-server.js';
export type {
  ConsumerDefaults,
  ConsumerExtras,
  EventExtras,
  RequestExtras,
} from './pattern-extras.interface.js';
