export { InitialDelivery, type InitialDeliveryOptions } from './initial-delivery.js';
export * from './ordered-push.js';
export * from './ordered-push-config.js';
