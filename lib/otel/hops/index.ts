export { HopTracing, isTraced } from './hop-tracing.js';
