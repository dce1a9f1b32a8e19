export { callHandler } from './enhanced-handler.js';
export { lostEnhancers } from './enhancers.js';
export { HandlerCompiler } from './handler-compiler.js';
export { HandlerExecutionContext } from './handler-execution-context.js';
export { type HandlerMethod, handlerName, type InstanceWrapper } from './handler-method.js';
export { readParams } from './handler-params.js';
export { intercepted } from './intercepted.js';
