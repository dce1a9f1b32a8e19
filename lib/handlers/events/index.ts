export * from './jetstream-events.js';
export * from './watch-permissions.js';
