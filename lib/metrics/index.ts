export { jetStreamPrometheusMetrics, JetStreamMetrics } from './jetstream-metrics.js';
export type {
  JetStreamMetricsBuckets,
  JetStreamMetricsModuleAsyncOptions,
  JetStreamMetricsModuleExtras,
  JetStreamMetricsModuleOptions,
  JetStreamMetricsOptions,
} from './metrics-options.js';
export { JetStreamMetricsModule } from './metrics.module.js';
export type { MetricsRegistry } from './shared-metric.js';
