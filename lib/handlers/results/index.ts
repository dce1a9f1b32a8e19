export * from './handler-result.js';
