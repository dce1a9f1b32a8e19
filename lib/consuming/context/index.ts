export type { HandlerSource } from './handler-source.js';
export { JetStreamBatchContext } from './jetstream-batch-context.js';
export { JetStreamContext } from './jetstream-context.js';
