export { JETSTREAM_EVENT_TYPES, type JetStreamEvent, JetStreamEvents } from './jetstream-events.js';
