export { coreMessageSource, SubscriptionHandler } from './subscription-handler.js';
