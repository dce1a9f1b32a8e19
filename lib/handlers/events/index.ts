export * from './jetstream-events.js';
