export { EventContext, KvContext, NatsSubscribeContext, ObjectContext } from './contexts/index.js';
export {
  handlersAreStarted,
  JsConsumer,
  JsHandler,
  JsHeaders,
  JsMessage,
  JsMetadata,
  JsParams,
  JsReceived,
  JsSchedule,
  JsSubject,
  KvWatch,
  NatsSubscribe,
  ObjectWatch,
  OnDeadLetter,
  OnJetStreamEvent,
  PublishTo,
  type PublishToDecorator,
  uniteMetadata,
} from './decorators/index.js';
export { type HandlerMethod, handlerName, readParams } from './compile/index.js';
export { type DescribedHandlers, describeHandlers } from './described-handlers.js';
export { HandlerExplorer } from './discovery/index.js';
export { HandlerConnection } from './handler-connection.js';
export { HandlerStages, type StageMember } from './handler-stages.js';
export { HandlersModule } from './handlers.module.js';
export { JetStreamConnections } from './jetstream-connections.js';
export type {
  KvWatchHandlerOptions,
  FactoryOptions,
  MessageConsumerOptions,
  NatsSubscribeOptions,
  ObjectWatchHandlerOptions,
  OnDeadLetterOptions,
  PullMessageConsumerOptions,
  ResolvedOptions,
} from './options/index.js';
export {
  checkSchedules,
  type ConsumerPlan,
  type HandlerPlans,
  type KvWatchPlan,
  type ObjectWatchPlan,
  readPublishTargets,
  schedulesOf,
  type SubscribePlan,
} from './planning/index.js';
export { TEST_SETTINGS } from './test-settings.js';
