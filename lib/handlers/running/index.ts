export * from './consumer-handler.js';
export type { MessageRunner } from './consumer-runner.js';
export * from './handler-runner.js';
export * from './message-runner.factory.js';
export * from './message-source.js';
export * from './subscription-handler.js';
export * from './watch-handler.js';
export * from './watch-sources.js';
