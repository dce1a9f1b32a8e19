export { settlementOf } from './acknowledging/index.js';
export type { AckInterceptorOption } from './acknowledging/index.js';
export { isPipeRefusal, reportPipeRefusals, type CompiledHandler } from './compile/index.js';
export * from './context/index.js';
export {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  DeadLetter,
  DeadLetterContext,
  DeadLetterLookout,
  DeadLetters,
  OMITTED_PAYLOAD_HEADER,
  OnDeadLetter,
  REPLAY_HEADER,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterPageOptions,
  type OnDeadLetterOptions,
  type ReplayOptions,
  type ReplayResult,
} from './dead-letters/index.js';
export {
  handlersAreStarted,
  JsConsumer,
  JsHandler,
  JsHeaders,
  JsMessage,
  JsMetadata,
  JsSubject,
  KvWatch,
  ObjectWatch,
  OnJetStreamEvent,
  Subscribe,
  uniteMetadata,
} from './decorators/index.js';
export type {
  BatchOptions,
  CircuitBreakerOptions,
  HandlerDefaults,
  HandlerMethodDecorator,
  JsConsumerOptions,
  KvWatchOptions,
  MadeOptions,
  ObjectWatchHandlerOptions,
  OrderedJsConsumerOptions,
  PullJsConsumerOptions,
  PushJsConsumerOptions,
  PushOptions,
  RateLimit,
  ResolvedOptions,
  StandardSchema,
  SubscribeOptions,
} from './decorators/index.js';
export { ApplicationShutdown, registerShutdownMember, type ShutdownMember } from './application-shutdown.js';
export { HandlerConfigurationError, throwProblems, type ConfigurationProblem } from './discovery/index.js';
export * from './events/index.js';
export { PublishTo } from './forwarding/index.js';
export type { PublishSubject, PublishToDecorator, PublishToOptions } from './forwarding/index.js';
export { HandlerConnection } from './handler-connection.js';
export { HandlersModule } from './handlers.module.js';
export { Handlers } from './handlers.service.js';
export type { IdempotenceKey, IdempotenceOptions } from './idempotence/index.js';
export { CONSUMER_OPTIONS, HANDLER_DEFAULTS, headersRule, MOST_BUFFERED } from './options/index.js';
export { checkConsumer, checkSchedules, OptionChecks, planRunning, schedulesOf } from './planning/index.js';
export type { ConsumerSource, RunningPlan } from './planning/index.js';
export {
  CleanScope,
  ConsumerHandler,
  createRunner,
  decodePayload,
  requireHeaders,
  retryInPlace,
  stopInTime,
} from './running/index.js';
export * from './results/index.js';
export type { HandlerRunner, HandlerState, HandlerStatus } from './running/index.js';
export * from './settlement/index.js';
