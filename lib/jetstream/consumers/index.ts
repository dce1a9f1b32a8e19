export type { ConsumerAction } from './consumer-api.js';
export * from './consumer-config.js';
export type { ConsumerInfo, PriorityGroupState, SequenceInfo } from './consumer-info.js';
export * from './consumer.js';
export * from './consumers.js';
export {
  Incarnation,
  startAfter,
  startOfNewStream,
  startPosition,
  type ConsumerStart,
} from './incarnation.js';
export * from './ordered-consumer.js';
export { NumberedConsumers, type OrderedConsumerConfig } from './ordered-source.js';
export * from './push-consumer.js';
