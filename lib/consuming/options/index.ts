export { type EnabledOption, enabledRule, type HandlerEnabled } from './handler-enabled.js';
export type {
  BatchOptions,
  CircuitBreakerOptions,
  HandlerDefaults,
  JsConsumerOptions,
  OrderedJsConsumerOptions,
  PullJsConsumerOptions,
  PushJsConsumerOptions,
  PushOptions,
  RateLimit,
  SettlementOption,
} from './js-consumer-options.interface.js';
export {
  CONSUMER_OPTIONS,
  HANDLER_DEFAULTS,
  MOST_BUFFERED,
  MOST_IN_FLIGHT,
} from './known-consumer-options.js';
export type { KvWatchHandlerOptions } from './kv-watch-options.interface.js';
export type { ObjectWatchHandlerOptions } from './object-watch-options.interface.js';
export { settlementRule } from './option-rules.js';
export type { NatsSubscribeOptions } from './subscribe-options.interface.js';
