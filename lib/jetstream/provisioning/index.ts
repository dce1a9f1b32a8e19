export * from './provision-consumer.js';
export * from './provision-stream.js';
export * from './provisioning.js';
