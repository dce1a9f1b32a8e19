export {
  AckPolicy,
  type BaseConsumerConfig,
  type ConsumerConfig,
  DeliverPolicy,
  PriorityPolicy,
  type PushConsumerConfig,
  ReplayPolicy,
  type StoredConsumerConfig,
  type StoredPullConsumerConfig,
  type StoredPushConsumerConfig,
} from './consumer-config.js';
export { consumerInfo } from './consumer-api.js';
export type { ConsumerInfo, PriorityGroupState, SequenceInfo } from './consumer-info.js';
export { Consumer } from './consumer.js';
export {
  consumerPage,
  type ConsumerPause,
  type ConsumerReset,
  type ConsumerResetOptions,
  Consumers,
} from './consumers.js';
export {
  type ConsumerStart,
  Incarnation,
  startAfter,
  startOfNewStream,
  startPosition,
} from './incarnation.js';
export { OrderedConsumer, type OrderedFetchOptions, type OrderedPullOptions } from './ordered-consumer.js';
export { NumberedConsumers, type OrderedConsumerConfig } from './ordered-source.js';
export { PushConsumer } from './push-consumer.js';
