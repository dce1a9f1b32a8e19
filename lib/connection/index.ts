export * from './connection-events.js';
export * from './jetstream-connection.js';
export * from './open-connection.js';
export * from './server-version.js';
export * from './watch-permissions.js';
export * from './wire/index.js';
