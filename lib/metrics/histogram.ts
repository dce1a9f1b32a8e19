import type { Labels, Sample } from './family.js';

/** Counts values in buckets, in one typed array. */
export class Histogram {
  /** The count of each bucket, the count above the last bound, and the sum of all values. */
  private readonly counts: Float64Array;
  private readonly bounds: Float64Array;

  /** @param bounds the upper bounds of the buckets, ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 2);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    counts[bucket]++;
    counts[bounds.length + 1] += value;
  }

  /** The samples of Prometheus: cumulative buckets, sum and count. */
  samples(name: string, labels: Labels): Sample[] {
    const { bounds, counts } = this;
    let count = 0;
    const samples: Sample[] = [];
    for (let bucket = 0; bucket <= bounds.length; bucket++) {
      count += counts[bucket];
      const le = bucket < bounds.length ? bounds[bucket] : '+Inf';
      samples.push({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: count });
    }
    samples.push({ metricName: `${name}_sum`, labels, value: counts[bounds.length + 1] });
    samples.push({ metricName: `${name}_count`, labels, value: count });
    return samples;
  }

  reset(): void {
    this.counts.fill(0);
  }
}
