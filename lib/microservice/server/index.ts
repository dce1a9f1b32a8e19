export type { ConsumerEvent, JetStreamServerEvents } from './jetstream-server-events.js';
export * from './jetstream-server-options.interface.js';
export * from './jetstream-server.js';
export type {
  ConsumerDefaults,
  ConsumerExtras,
  EventExtras,
  RequestExtras,
} from './pattern-extras.interface.js';
