export { HopTracing, isTraced, TRACE_DESTINATION } from './hop-tracing.js';
