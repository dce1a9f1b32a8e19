import parsePrometheusTextFormat, {
  type ParsedFamily,
  type ParsedSample,
} from 'parse-prometheus-text-format';
import type { MetricsRegistry } from 'nestjs-nats-jetstream/metrics';

type Labels = Readonly<Record<string, string>>;

/** The text of a registry, read by a parser that is not ours. */
export class Scrape {
  readonly families: readonly ParsedFamily[];
  private readonly series: readonly ParsedFamily[];

  private constructor(readonly text: string) {
    this.families = parsePrometheusTextFormat(text);
    // The parser merges all series of a histogram, unless their type is not declared.
    this.series = parsePrometheusTextFormat(text.replaceAll(/^# (?:TYPE|HELP) .*\n/gm, ''));
  }

  static async of(registry: MetricsRegistry): Promise<Scrape> {
    return new Scrape(await registry.metrics());
  }

  static parse(text: string): Scrape {
    return new Scrape(text);
  }

  get names(): readonly string[] {
    return this.families.map(({ name }) => name);
  }

  /** The samples of a metric with these labels, and possibly others. Those of a histogram are its counts. */
  samples(name: string, labels: Labels = {}): readonly ParsedSample[] {
    const found = this.find(name);
    return (found.length > 0 ? found : this.find(`${name}_count`)).filter(({ labels: given = {} }) =>
      Object.entries(labels).every(([label, value]) => given[label] === value),
    );
  }

  /** The sum of the values, or of the counts of histograms. */
  sum(name: string, labels: Labels = {}): number {
    return this.samples(name, labels).reduce((sum, { value }) => sum + Number(value), 0);
  }

  /** The sums by the values of one label, without zeros. */
  by(label: string, name: string, labels: Labels = {}): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const sample of this.samples(name, labels)) {
      const key = sample.labels?.[label] ?? '';
      const value = Number(sample.value);
      if (value !== 0) sums[key] = (sums[key] ?? 0) + value;
    }
    return sums;
  }

  /** All names and values of labels. */
  get labels(): ReadonlyMap<string, ReadonlySet<string>> {
    const found = new Map<string, Set<string>>();
    for (const { labels = {} } of this.series.flatMap(({ metrics }) => metrics)) {
      for (const [label, value] of Object.entries(labels)) {
        found.set(label, (found.get(label) ?? new Set()).add(value));
      }
    }
    return found;
  }

  private find(name: string): readonly ParsedSample[] {
    return this.series.flatMap((each) => (each.name === name ? each.metrics : []));
  }
}
