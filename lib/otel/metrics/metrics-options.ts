import type { MeterProvider } from '@opentelemetry/api';
import { type AllOptionsOf, objectWith } from '../../validation/index.js';

/** Options of metrics. All are optional. */
export interface JetStreamOtelMetricsOptions {
  /**
   * Default: the global provider of `@opentelemetry/api`. If it is registered after the application has started, counting
   * begins with the next message.
   */
  readonly meterProvider?: MeterProvider | undefined;
}

/** The rules of {@link JetStreamOtelMetricsOptions}. */
export const METRICS_OPTIONS = {
  meterProvider: objectWith(['getMeter'], 'a MeterProvider'),
} satisfies AllOptionsOf<JetStreamOtelMetricsOptions>;
