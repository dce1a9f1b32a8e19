import type { Meter } from '@opentelemetry/api';
import type {
  HandlerInstrument,
  JetStreamInstrument,
  ObservedHandler,
  ObservedOperation,
  OperationInstrument,
} from '../../instruments/index.js';
import { checkedOptions } from '../../validation/index.js';
import { HandlerMetrics } from './handler-metrics.js';
import { type JetStreamOtelMetricsOptions, METRICS_OPTIONS } from './metrics-options.js';
import { OperationMetrics } from './operation-metrics.js';
import { Recorder } from './recorder.js';

/** Counts and measures messages. */
export class JetStreamOtelMetrics implements JetStreamInstrument {
  private readonly recorder: Recorder;

  /** @param onMeter called once, when there is a meter */
  constructor({ meterProvider }: JetStreamOtelMetricsOptions, onMeter?: (meter: Meter) => void) {
    this.recorder = new Recorder(meterProvider, onMeter);
  }

  /** Looks for a meter, so that gauges exist before the first message. */
  start(): void {
    void this.recorder.current;
  }

  handler(handler: ObservedHandler): HandlerInstrument {
    return new HandlerMetrics(this.recorder, handler);
  }

  operation(operation: ObservedOperation): OperationInstrument {
    return new OperationMetrics(this.recorder, operation);
  }
}

/** Validates the options of metrics. @throws {@link InvalidArgumentError} */
export function checkMetricsOptions(
  whose: string,
  options: JetStreamOtelMetricsOptions,
): JetStreamOtelMetricsOptions {
  return checkedOptions(whose, options, METRICS_OPTIONS);
}

/**
 * Measures messages with OpenTelemetry, for servers and clients of microservices that have a connection of their own. In
 * an application, use {@link JetStreamOtelModule}, which also reports the state of handlers and connections.
 *
 * @throws {@link InvalidArgumentError} if options are unknown or invalid
 */
export function jetStreamOtelMetrics(options: JetStreamOtelMetricsOptions = {}): JetStreamInstrument {
  return new JetStreamOtelMetrics(checkMetricsOptions('jetStreamOtelMetrics', options));
}
