export { startsWith } from './ack-subject-reader.js';
export { DeliveryNumbers } from './delivery-numbers.js';
export { DeliveryPosition } from './delivery-position.js';
export { type AnswerOutlet, JetStreamMessage, type MessageOutcome } from './jetstream-message.js';
export { messageIdentity } from './message-identity.js';
export type { MessageMetadata } from './message-metadata.js';
export { readHeader } from './read-header.js';
