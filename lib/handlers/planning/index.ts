export { checkConsumer, planRunning } from './consumer-plan.js';
export type {
  ConsumerPlan,
  ConsumerSource,
  PlannedMethod,
  RunningOptions,
  RunningPlan,
} from './consumer-plan.js';
export { PINNED_GROUP } from './cumulative-consumer.js';
export {
  isAcknowledged,
  keyOf,
  pushConfig,
  type Delivery,
  type KeyOf,
  type PullInGroup,
} from './delivery-plan.js';
export * from './handler-planner.js';
export type * from './handler-plans.js';
export { OptionChecks } from './option-checks.js';
export { checkSchedules, schedulesOf } from './stream-checks.js';
export { SubjectRouter } from './subject-router.js';
export { OptionsResolver } from './options-resolver.js';
