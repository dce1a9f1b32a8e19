import { Logger } from '@nestjs/common';
import type { Metric, OpenMetricsContentType, Registry } from 'prom-client';
import { errorText, ReportLimiter } from '../reporting/index.js';
import type { Family, Sample } from './family.js';

/** A registry of `prom-client`, with either of its formats. */
export type MetricsRegistry = Registry | Registry<OpenMetricsContentType>;

/** Marks metrics of this library, also those of another copy of it in the same process. */
const SHARED = Symbol.for('nestjs-nats-jetstream.shared-metric');

/** The beginning of the names of metrics that are read from the server; it is not the option `prefix`. */
const SERVER_PREFIX = /^nats_(?:stream|consumer)_/;

const logger = new Logger('JetStreamMetrics');
const limiter = new ReportLimiter();

/**
 * One metric in a registry, to which each application contributes its own samples. `prom-client` would refuse a second
 * metric with the same name.
 *
 * It is read like the metrics of `prom-client`, but its values are only created when the registry is scraped.
 */
class SharedMetric {
  readonly [SHARED] = true;
  readonly help: string;
  readonly type: Family['type'];
  /** How `AggregatorRegistry` combines the values of the processes of a cluster. */
  readonly aggregator = 'sum';
  /** `prom-client` removes `_total` for the OpenMetrics format, and then appends it itself. */
  name: string;
  private readonly families = new Map<string, Family>();

  constructor({ name, help, type }: Family) {
    this.name = name;
    this.help = help;
    this.type = type;
  }

  has(application: string): boolean {
    return this.families.has(application);
  }

  get isUnused(): boolean {
    return this.families.size === 0;
  }

  add(application: string, family: Family): void {
    this.families.set(application, family);
  }

  remove(application: string): void {
    this.families.delete(application);
  }

  /** Called for each scrape. Never rejects: a failed scrape would lose the metrics of the whole process. */
  async get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    const read = await Promise.all(
      [...this.families].map(([application, family]) => samplesOf(application, family)),
    );
    return { name, help, type, aggregator, values: read.flat() };
  }

  /** Called by `registry.resetMetrics()`. */
  reset(): void {
    for (const family of this.families.values()) family.reset?.();
  }
}

async function samplesOf(application: string, family: Family): Promise<Sample[]> {
  try {
    const samples = await family.read();
    return samples.map((sample) => ({ ...sample, labels: { application, ...sample.labels } }));
  } catch (error) {
    const text = `The metric ${family.name} could not be read, and is missing in the scrape: ${errorText(error)}`;
    if (limiter.admit(text) !== undefined) logger.error(text);
    return [];
  }
}

/** The metrics of one application in a registry. */
export class Registration {
  private constructor(
    private readonly registry: MetricsRegistry,
    /** The label of the application: the given name, with a number if another application has it. */
    readonly application: string,
    private readonly families: readonly Family[],
  ) {}

  /** Adds the metrics of an application. It never throws: a metric that cannot be added is logged and left out. */
  static add(registry: MetricsRegistry, name: string, families: readonly Family[]): Registration {
    const application = freeName(registry, name, families);
    for (const family of families) {
      try {
        shared(registry, family)?.add(application, family);
      } catch (error) {
        logger.error(
          `The metric ${family.name} could not be registered, and is not available: ${errorText(error)}`,
        );
      }
    }
    return new Registration(registry, application, families);
  }

  /** Removes the metrics of the application, and metrics that no other application uses. It never throws. */
  remove(): void {
    for (const { name } of this.families) {
      try {
        const metric = metricOf(this.registry, name);
        metric?.remove(this.application);
        if (metric?.isUnused) this.registry.removeSingleMetric(name);
      } catch (error) {
        logger.error(`The metric ${name} could not be removed from its registry: ${errorText(error)}`);
      }
    }
  }
}

function freeName(registry: MetricsRegistry, name: string, families: readonly Family[]): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    const isTaken = families.some((family) => metricOf(registry, family.name)?.has(candidate) === true);
    if (!isTaken) return candidate;
  }
}

/** The metric of a family; `undefined` if the name belongs to a metric that is not of this library. */
function shared(registry: MetricsRegistry, family: Family): SharedMetric | undefined {
  const { name } = family;
  const existing = metricOf(registry, name);
  if (existing !== undefined) return existing;
  if (registry.getSingleMetric(name) !== undefined) {
    logger.warn(
      `The metric ${name} is not available, because the registry has another metric with this name. ` +
        (SERVER_PREFIX.test(name)
          ? "Set the option server to 'off', or the option registry to another registry."
          : 'Set the option prefix to a different prefix.'),
    );
    return undefined;
  }
  const metric = new SharedMetric(family);
  // The type of prom-client only allows its own classes, although a registry only uses the members that exist here.
  registry.registerMetric(metric as unknown as Metric);
  return metric;
}

function metricOf(registry: MetricsRegistry, name: string): SharedMetric | undefined {
  const metric: object | undefined = registry.getSingleMetric(name);
  return metric !== undefined && SHARED in metric ? (metric as SharedMetric) : undefined;
}
