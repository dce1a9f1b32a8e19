export { HopTracing, TRACE_DESTINATION } from './hop-tracing.js';
