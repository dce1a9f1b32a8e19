export * from './handler-metadata.js';
export * from './js-consumer-options.interface.js';
export * from './js-consumer.decorator.js';
export * from './kv-watch.decorator.js';
export * from './param.decorators.js';
