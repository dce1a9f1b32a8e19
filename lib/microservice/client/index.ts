export * from './jetstream-client-options.interface.js';
export * from './jetstream-client.js';
export * from './jetstream-record.js';
