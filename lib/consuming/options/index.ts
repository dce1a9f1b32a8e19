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
export { settlementRule } from './option-rules.js';
