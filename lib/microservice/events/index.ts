export { AnswerDeliveries } from './answer-delivery.js';
export { eventHandler } from './event-handler.js';
export { MessageReader } from './message-reader.js';
export { requestHandler } from './request-handler.js';
