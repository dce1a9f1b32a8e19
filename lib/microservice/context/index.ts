export * from './jetstream-request.context.js';
