export * from './direct-handler.js';
export { settlementError } from './enhanced-handler.js';
export * from './handler-compiler.js';
export * from './handler-method.js';
export * from './handler-source.js';
