export * from './ack.interceptor.js';
export * from './dead-letters.js';
export * from './retry.errors.js';
export * from './settlement-policy.js';
