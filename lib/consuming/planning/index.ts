export { pinCumulative, PINNED_GROUP } from './cumulative-consumer.js';
export { type Delivery, isAcknowledged, keyOf, type KeyOf, pushConfig } from './delivery-plan.js';
export { OptionChecks } from './option-checks.js';
export {
  checkConsumer,
  type ConsumerSource,
  DEFAULT_ACK_WAIT,
  filtersOf,
  planRunning,
  retryPolicyOf,
  type RunningOptions,
  type RunningPlan,
  withDefaults,
} from './running-plan.js';
