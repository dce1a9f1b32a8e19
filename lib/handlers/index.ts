export * from './context/index.js';
export { JsConsumer, JsHeaders, JsMessage, JsMetadata, JsSubject, KvWatch } from './decorators/index.js';
export type {
  HandlerDefaults,
  HandlerMethodDecorator,
  JsConsumerOptions,
  KvWatchOptions,
} from './decorators/index.js';
export { HandlerConfigurationError, type ConfigurationProblem } from './discovery/index.js';
export { HandlerConnection } from './handler-connection.js';
export { HandlersModule } from './handlers.module.js';
export * from './settlement/index.js';
