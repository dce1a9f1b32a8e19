export * from './connection-events.js';
export * from './jetstream-connection.js';
export * from './open-connection.js';
export * from './outbox.js';
export * from './server-version.js';
