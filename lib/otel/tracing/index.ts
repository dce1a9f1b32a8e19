export { checkTracingOptions, JetStreamTracing, jetStreamTracing } from './jetstream-tracing.js';
export type { IgnoreCandidate, JetStreamTracingOptions } from './tracing-options.js';
