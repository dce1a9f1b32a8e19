export { Gauges } from './gauges.js';
export { checkMetricsOptions, JetStreamOtelMetrics, jetStreamOtelMetrics } from './jetstream-metrics.js';
export type { JetStreamOtelMetricsOptions } from './metrics-options.js';
