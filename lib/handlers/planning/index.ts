export type { ConsumerPlan, PlannedMethod } from './consumer-plan.js';
export { HandlerPlanner, type PlanningOptions } from './handler-planner.js';
export type {
  AnyPlan,
  HandlerPlans,
  HeldPlan,
  KvWatchPlan,
  ObjectWatchPlan,
  SubscribePlan,
} from './handler-plans.js';
export { OptionsResolver, type Providers } from './options-resolver.js';
export { readPublishTargets } from './publish-targets.js';
export { checkSchedules, schedulesOf } from './stream-checks.js';
