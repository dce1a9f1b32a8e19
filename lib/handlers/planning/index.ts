export type { ConsumerPlan, PlannedMethod } from './consumer-plan.js';
export { HandlerPlanner } from './handler-planner.js';
export type { HandlerPlans, KvWatchPlan, ObjectWatchPlan, SubscribePlan } from './handler-plans.js';
export { OptionsResolver, type Providers } from './options-resolver.js';
export { readPublishTargets } from './publish-targets.js';
export { checkSchedules, schedulesOf } from './stream-checks.js';
