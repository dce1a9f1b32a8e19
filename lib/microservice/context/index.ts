export { JetStreamEventContext } from './jetstream-event.context.js';
export { JetStreamRequestContext } from './jetstream-request.context.js';
