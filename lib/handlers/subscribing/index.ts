export { NatsSubscribeContext } from './nats-context.js';
export { coreMessageSource, SubscriptionHandler } from './subscription-handler.js';
