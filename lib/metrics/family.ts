/** The labels of a sample. */
export type Labels = Readonly<Record<string, string | number>>;

/** One value of a metric, in the form that `prom-client` writes. */
export interface Sample {
  readonly value: number;
  readonly labels: Labels;
  /** The name of the series of a histogram, which is longer than that of the metric. */
  readonly metricName?: string;
}

/** The samples of one metric that one application contributes. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Called for each scrape. Its labels do not include `application`. */
  read(): readonly Sample[] | Promise<readonly Sample[]>;
  /** Sets everything to zero, for `registry.resetMetrics()`. Gauges have nothing to reset. */
  reset?(): void;
}

/** The sum of samples with the same labels, because a scrape must not contain a series twice. */
export function merged(samples: readonly Sample[]): Sample[] {
  const sums = new Map<string, Sample>();
  for (const sample of samples) {
    const key = JSON.stringify(Object.entries(sample.labels));
    const known = sums.get(key);
    sums.set(key, known === undefined ? sample : { ...known, value: known.value + sample.value });
  }
  return [...sums.values()];
}
