export { JetStreamOtelModule, type JetStreamOtelOptions } from './jetstream-otel.module.js';
export { jetStreamOtelMetrics, type JetStreamOtelMetricsOptions } from './metrics/index.js';
export { type IgnoreCandidate, jetStreamTracing, type JetStreamTracingOptions } from './tracing/index.js';
