export type { ConsumerPlan } from './consumer-plan.js';
export * from './handler-planner.js';
