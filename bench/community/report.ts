import type { Measurement } from './stopwatch.js';
import type { Outcome } from './worker.js';

/** The outcome of each transport in one round, by the name of the transport. */
export type Round = ReadonlyMap<string, Outcome>;

/**
 * A table in Markdown: medians of the rounds with their spread, smallest to largest. The ratios are medians of each
 * round's own ratio of the first transport to this one, since all of a round ran within the same few seconds.
 */
export function table(unit: string, rounds: readonly Round[]): string {
  const names = [...(rounds[0]?.keys() ?? [])];
  const [first = ''] = names;
  const rows = names.map((name) => {
    const done = measurementsOf(name, rounds);
    if (done.length === 0) return [name, 'none', '', '', '', '', ''];
    const pairs = rounds.flatMap((round) => {
      const [ours, other] = [round.get(first), round.get(name)];
      return isMeasurement(ours) && isMeasurement(other) ? [{ ours, other }] : [];
    });
    const ratio = (value: (measurement: Measurement) => number) =>
      name === first ? '' : median(pairs.map(({ ours, other }) => value(ours) / value(other))).toFixed(2);
    return [
      name,
      count(median(done.map(rateOf))),
      spread(done.map(rateOf), count),
      median(done.map(cpuOf)).toFixed(1),
      spread(done.map(cpuOf), (value) => value.toFixed(1)),
      ratio(rateOf),
      ratio(cpuOf),
    ];
  });
  const header = ['transport', `${unit}/s`, 'spread', 'CPU µs each', 'spread', 'rate ratio', 'CPU ratio'];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The errors that prevented measurements, each with its number of occurrences. */
export function failures(rounds: readonly Round[]): string[] {
  const counts = new Map<string, number>();
  for (const round of rounds) {
    for (const [name, outcome] of round) {
      if (isMeasurement(outcome)) continue;
      const text = `${name}: ${outcome.error}`;
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  }
  return [...counts].map(([text, times]) => `${times} of ${rounds.length} rounds failed: ${text}`);
}

function measurementsOf(name: string, rounds: readonly Round[]): Measurement[] {
  return rounds.map((round) => round.get(name)).filter(isMeasurement);
}

function isMeasurement(outcome: Outcome | undefined): outcome is Measurement {
  return outcome !== undefined && !('error' in outcome);
}

const rateOf = ({ rate }: Measurement) => rate;
const cpuOf = ({ cpu }: Measurement) => cpu;
const count = (value: number) => Math.round(value).toLocaleString('en-US');

function spread(values: readonly number[], text: (value: number) => string): string {
  return `${text(Math.min(...values))} – ${text(Math.max(...values))}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
