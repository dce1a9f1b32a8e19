export * from './handler-execution-context.js';
export * from './jetstream-context.js';
export * from './kv-context.js';
