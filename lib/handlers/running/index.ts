export * from './consumer-handler.js';
export * from './consumer-runner.js';
export * from './handler-runner.js';
export * from './kv-watch-handler.js';
export * from './message-source.js';
export * from './slot.js';
