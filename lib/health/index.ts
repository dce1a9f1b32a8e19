export type {
  ConnectionHealthOptions,
  HandlersHealthOptions,
  HandlerThresholds,
  HealthCheckOptions,
  LivenessOptions,
  ResourcesHealthOptions,
} from './health-options.js';
export type {
  ConnectionHealth,
  ConnectionReport,
  HandlerHealth,
  HandlersReport,
  Health,
  HealthReport,
  ItemHealth,
  LivenessReport,
  ResourceHealth,
  ResourcesReport,
} from './health-report.js';
export { JetStreamHealth } from './jetstream-health.js';
export { type IndicatorResult, JetStreamHealthIndicator } from './jetstream-health.indicator.js';
export { JetStreamHealthModule } from './jetstream-health.module.js';
