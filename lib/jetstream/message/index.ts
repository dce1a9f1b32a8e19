export { DeliveryPosition, startsWith } from './delivery-position.js';
export * from './jetstream-message.js';
export * from './message-metadata.js';
export * from './message-identity.js';
export * from './read-header.js';
