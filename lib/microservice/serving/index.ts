export { answerContent } from './answer-content.js';
export { answer, completion } from './answers.js';
export { CallLimit } from './call-limit.js';
export { CallsInProgress } from './calls-in-progress.js';
export { errorForPacket, errorText, isUnknownError, UNKNOWN_ERROR } from './handler-error.js';
export { Listener, type ListenerPlan } from './listener.js';
export { type ProcessingHooks, runInHooks } from './processing-hooks.js';
export type { ServingContext } from './served-call.js';
