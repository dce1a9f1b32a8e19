export { declaredMethods, uniteMetadata } from './declared-methods.js';
export {
  type DeclaredConsumerOptions,
  getClassHandler,
  getHandlers,
  getMisplacedHandlers,
  getRoutes,
  type HandlerMetadata,
} from './handler-metadata.js';
export { JsConsumer } from './js-consumer.decorator.js';
export { JsHandler } from './js-handler.decorator.js';
export { JsSchedule } from './js-schedule.decorator.js';
export { KvWatch } from './kv-watch.decorator.js';
export { ObjectWatch } from './object-watch.decorator.js';
export { OnDeadLetter } from './on-dead-letter.decorator.js';
export { OnJetStreamEvent } from './on-jetstream-event.decorator.js';
export { CONTRACT_PARAMS, JsParams, JsReceived } from './contract-param.decorators.js';
export { JsHeaders, JsMessage, JsMetadata, JsSubject, MESSAGE_PARAMS } from './param.decorators.js';
export { getPublishTargets, PublishTo, type PublishToDecorator } from './publish-to.decorator.js';
export { NatsSubscribe } from './subscribe.decorator.js';
export { handlersAreStarted } from './unstarted-handlers.js';
