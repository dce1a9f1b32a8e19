export * from './direct-handler.js';
export { callHandler, settlementError } from './enhanced-handler.js';
export * from './handler-compiler.js';
export * from './handler-method.js';
export { readParams } from './handler-params.js';
export * from './handler-source.js';
