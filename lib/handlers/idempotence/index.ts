export * from './check-idempotence.js';
export * from './claim-bucket.js';
export * from './idempotence-options.interface.js';
export { messageKey } from './message-key.js';
export * from './provision-claims.js';
export * from './run-once.js';
