export * from './declared-resources.js';
export * from './provision-consumer.js';
export * from './provision-stream.js';
export * from './provisioning.js';
export * from './known-options.js';
