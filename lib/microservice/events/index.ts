export { AnswerDeliveries } from './answer-delivery.js';
export * from './event-handler.js';
export * from './message-reader.js';
export * from './request-handler.js';
