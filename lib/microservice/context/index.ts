export * from './jetstream-event.context.js';
export * from './jetstream-request.context.js';
