export * from './ack.interceptor.js';
export * from './failure-log.js';
export * from './invalid-payload.js';
export * from './message-name.js';
export * from './retry.errors.js';
export * from './retry-policy.js';
export * from './settlement-policy.js';
export * from './verdict.js';
