export * from './handler-configuration.error.js';
export * from './handler-definition.js';
export * from './handler-explorer.js';
