export { answerContent } from './answer-content.js';
export { CallLimit } from './call-limit.js';
export { CallsInProgress } from './calls-in-progress.js';
export * from './handler-error.js';
export * from './listener.js';
export * from './processing-hooks.js';
export type { ServingContext } from './served-call.js';
export * from './answers.js';
