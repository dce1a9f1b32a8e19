export * from './jetstream-message.js';
export * from './message-metadata.js';
