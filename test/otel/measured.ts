import type { Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';

/** One value of a metric: of a histogram, the number of its recordings and their sum. */
export interface Point {
  readonly metric: string;
  readonly attributes: Attributes;
  readonly value: number;
  readonly sum?: number | undefined;
}

/** A real SDK that collects metrics when a test asks for them. */
export class Measured {
  private readonly exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  private readonly reader = new PeriodicExportingMetricReader({
    exporter: this.exporter,
    exportIntervalMillis: 100_000_000,
  });
  readonly meterProvider = new MeterProvider({ readers: [this.reader] });

  /** Collects now. */
  async points(metric?: string): Promise<readonly Point[]> {
    this.exporter.reset();
    await this.reader.forceFlush();
    return this.exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .filter(({ scope }) => scope.name === 'nestjs-nats-jetstream')
      .flatMap(({ metrics }) => metrics)
      .filter(({ descriptor }) => metric === undefined || descriptor.name === metric)
      .flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({
          metric: descriptor.name,
          attributes,
          ...valueOf(value),
        })),
      );
  }
}

function valueOf(value: number | Pick<Histogram, 'count' | 'sum'> | object): Pick<Point, 'value' | 'sum'> {
  if (typeof value === 'number') return { value };
  const { count, sum } = value as Pick<Histogram, 'count' | 'sum'>;
  return { value: count, sum };
}
