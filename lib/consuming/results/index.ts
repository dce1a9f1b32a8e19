export type { CompiledHandler } from './compiled-handler.js';
export {
  closeSteps,
  finalResult,
  hasSteps,
  isObservableLike,
  nextStep,
  type ObservableLike,
  pendingResult,
  runToEnd,
  type Steps,
  stepsOf,
  subscribeSafely,
  toObservable,
} from './handler-result.js';
