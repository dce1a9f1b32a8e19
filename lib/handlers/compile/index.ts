export * from './direct-handler.js';
export { callHandler } from './enhanced-handler.js';
export { lostEnhancers } from './enhancers.js';
export * from './handler-compiler.js';
export * from './handler-method.js';
export * from './nest-internals.js';
export * from './pipe-refusals.js';
export { readParams } from './handler-params.js';
export * from './handler-source.js';
