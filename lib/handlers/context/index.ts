export * from './event-context.js';
export * from './handler-execution-context.js';
export * from './jetstream-batch-context.js';
export * from './jetstream-context.js';
export * from './kv-context.js';
export * from './nats-context.js';
export * from './object-context.js';
