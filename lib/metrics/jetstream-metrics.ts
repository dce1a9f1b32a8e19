import { register } from 'prom-client';
import type {
  HandlerInstrument,
  JetStreamInstrument,
  ObservedHandler,
  ObservedOperation,
  OperationInstrument,
} from '../instruments/index.js';
import { checkedOptions } from '../validation/index.js';
import type { Family } from './family.js';
import { HandlerMetrics } from './handler-counters.js';
import { type JetStreamMetricsOptions, METRICS_OPTIONS } from './metrics-options.js';
import { OperationMetrics } from './operation-counters.js';
import { type MetricsRegistry, Registration } from './shared-metric.js';

const DEFAULT_PREFIX = 'nats_jetstream_';
const DEFAULT_APPLICATION = 'default';

/** The bounds of histograms by default, in seconds. */
const PROCESS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const DELAY = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800];
const OPERATION = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Counts the messages and operations of an application for Prometheus: an instrument. `JetStreamMetricsModule` provides
 * it, so that it can be injected, and passed to a `JetStreamServer` or `JetStreamClient` of the same application that has
 * a connection of its own. {@link jetStreamPrometheusMetrics} creates one for a server or client without that module.
 *
 * A message only changes numbers in typed arrays; series are created when the registry is scraped.
 */
export class JetStreamMetrics implements JetStreamInstrument {
  /** The registry of `prom-client` with the metrics. */
  readonly registry: MetricsRegistry;
  /** @internal */
  readonly prefix: string;
  /** @internal */
  readonly handlers: HandlerMetrics;
  private readonly operations: OperationMetrics;
  private readonly name: string;
  private readonly families: Family[];
  private registration: Registration | undefined;
  private closed = false;

  /** @internal Created by the module and by {@link jetStreamPrometheusMetrics}, with checked options. */
  constructor(options: JetStreamMetricsOptions) {
    const { process = PROCESS, delay = DELAY, operation = OPERATION } = options.buckets ?? {};
    this.registry = options.registry ?? register;
    this.prefix = options.prefix ?? DEFAULT_PREFIX;
    this.name = options.application ?? DEFAULT_APPLICATION;
    this.handlers = new HandlerMetrics({ process, delay });
    this.operations = new OperationMetrics(operation);
    this.families = [...this.handlers.families(this.prefix), ...this.operations.families(this.prefix)];
  }

  /** The label `application` of the series: the option of this name, with a number if it was taken. */
  get application(): string {
    return this.registration?.application ?? this.name;
  }

  /** Called for each handler when it is compiled. */
  handler(handler: ObservedHandler): HandlerInstrument {
    return this.handlers.of(handler);
  }

  /** Called for each kind of operation. */
  operation(operation: ObservedOperation): OperationInstrument {
    return this.operations.of(operation);
  }

  /** @internal Adds metrics that the application knows. Has no effect after {@link open}. */
  add(families: readonly Family[]): void {
    this.families.push(...families);
  }

  /** @internal Adds the metrics to the registry. */
  open(): void {
    if (this.closed) return;
    this.registration ??= Registration.add(this.registry, this.name, this.families);
  }

  /**
   * Removes the series of this application from the registry. The module does this at shutdown; an instrument of a
   * server or client alone is closed by its creator. It never throws.
   */
  close(): void {
    this.closed = true;
    this.registration?.remove();
    this.registration = undefined;
  }
}

/**
 * Creates the instrument for a `JetStreamServer` or `JetStreamClient` of an application without
 * {@link JetStreamMetricsModule}, and adds its metrics to the registry until it is closed.
 *
 * @example
 * ```ts
 * const metrics = jetStreamPrometheusMetrics({ application: 'billing' });
 * const strategy = new JetStreamServer({ name: 'billing', instruments: [metrics] });
 * ```
 *
 * @throws {@link InvalidArgumentError} if options are unknown or invalid
 */
export function jetStreamPrometheusMetrics(options: JetStreamMetricsOptions = {}): JetStreamMetrics {
  const metrics = new JetStreamMetrics(
    checkedOptions<JetStreamMetricsOptions>('jetStreamPrometheusMetrics', options, METRICS_OPTIONS),
  );
  metrics.open();
  return metrics;
}
