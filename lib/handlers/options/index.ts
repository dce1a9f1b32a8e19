export {
  KV_WATCH_OPTIONS,
  FACTORY_OPTIONS,
  MESSAGE_CONSUMER_OPTIONS,
  OBJECT_WATCH_OPTIONS,
  ON_DEAD_LETTER_OPTIONS,
  PUBLISH_MESSAGE_OPTIONS,
  PUBLISH_TO_OPTIONS,
  SUBSCRIBE_OPTIONS,
} from './known-options.js';
export type { MessageConsumerOptions, PullMessageConsumerOptions } from './message-consumer-options.js';
export type { OnDeadLetterOptions } from './on-dead-letter-options.interface.js';
export { isMade, type FactoryOptions, type ResolvedOptions } from './resolved-options.js';
export type {
  KvWatchHandlerOptions,
  NatsSubscribeOptions,
  ObjectWatchHandlerOptions,
} from '../../consuming/index.js';
