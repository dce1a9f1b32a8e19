import type { Round } from './rounds.js';
import type { Measurement } from './suite.js';

/** The outcome of a suite; the last line of `npm run bench -- <suite> --json`. */
export interface Result {
  readonly suite: string;
  readonly unit: string;
  /** The meaning of `raw`: `raw` for the raw client, `before` for another build of this library, or another suite. */
  readonly against: string;
  /** Operations a second, the median of the rounds. */
  readonly ours: number;
  readonly raw: number;
  /** The median of the rounds' own ratios ours/raw: both sides of a round ran within the same few seconds. */
  readonly ratio: number;
  /** Microseconds of this process's CPU an operation, the median of the rounds. */
  readonly cpuOurs: number;
  readonly cpuRaw: number;
  /** The median of the rounds' own ratios ours/raw. */
  readonly cpuRatio: number;
  /** The same for the Go client, if it was measured. */
  readonly go?: GoResult;
}

/** The Go client, and the ratios ours/Go. */
interface GoResult {
  readonly rate: number;
  readonly cpu: number;
  readonly ratio: number;
  readonly cpuRatio: number;
}

/** Summarizes the rounds of a suite. */
export function summarize(suite: string, unit: string, rounds: readonly Round[], compared: string): Result {
  const pairs = rounds.map(({ ours, raw }): Pair => ({ ours, other: raw }));
  const oursOf = (value: (measurement: Measurement) => number) =>
    median(rounds.map(({ ours }) => value(ours)));
  const raw = sideOf(pairs);
  const go = withGo(rounds);
  return {
    suite,
    unit,
    against: compared,
    ours: Math.round(oursOf(rateOf)),
    raw: raw.rate,
    ratio: raw.ratio,
    cpuOurs: to(2, oursOf(cpuOf)),
    cpuRaw: raw.cpu,
    cpuRatio: raw.cpuRatio,
    ...(go.length > 0 && { go: sideOf(go) }),
  };
}

/** The measurements of this library and of another client in one round. */
interface Pair {
  readonly ours: Measurement;
  readonly other: Measurement;
}

function withGo(rounds: readonly Round[]): Pair[] {
  return rounds.flatMap(({ ours, go }) => (go ? [{ ours, other: go }] : []));
}

function sideOf(pairs: readonly Pair[]): GoResult {
  return {
    rate: Math.round(median(pairs.map(({ other }) => other.rate))),
    cpu: to(2, median(pairs.map(({ other }) => other.cpu))),
    ratio: to(3, median(pairs.map(ratio))),
    cpuRatio: to(3, median(pairs.map(cpuRatio))),
  };
}

/** A table of medians with the spread of the rounds, smallest to largest. */
export function table({ suite, unit, against, ...result }: Result, rounds: readonly Round[]): string {
  const measured = (name: string, rate: number, cpu: number, all: readonly Measurement[]) => [
    name,
    count(rate),
    spread(all.map(rateOf), count),
    fixed(cpu),
    spread(all.map(cpuOf), fixed),
  ];
  const compared = (
    name: string,
    { ratio: rate, cpuRatio: cpu }: Omit<GoResult, 'rate' | 'cpu'>,
    pairs: readonly Pair[],
  ) => [
    name,
    rate.toFixed(3),
    spread(pairs.map(ratio), ratioText),
    cpu.toFixed(3),
    spread(pairs.map(cpuRatio), ratioText),
  ];
  const go = withGo(rounds);
  const raw = rounds.map(({ ours, raw: other }): Pair => ({ ours, other }));
  const others = (pairs: readonly Pair[]) => pairs.map(({ other }) => other);
  const rows = [
    [suite, `${unit}/s`, 'spread', 'CPU µs each', 'spread'],
    measured(
      'ours',
      result.ours,
      result.cpuOurs,
      rounds.map(({ ours }) => ours),
    ),
    measured(against, result.raw, result.cpuRaw, others(raw)),
    ...(result.go ? [measured('Go', result.go.rate, result.go.cpu, others(go))] : []),
    compared(`ours/${against}`, result, raw),
    ...(result.go ? [compared('ours/Go', result.go, go)] : []),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ');
  const [header, ...body] = rows;
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...body.map(line)].join('\n');
}

const rateOf = ({ rate }: Measurement) => rate;
const cpuOf = ({ cpu }: Measurement) => cpu;
const ratio = ({ ours, other }: Pair) => ours.rate / other.rate;
const cpuRatio = ({ ours, other }: Pair) => ours.cpu / other.cpu;

const count = (value: number) => Math.round(value).toLocaleString('en-US');
const fixed = (value: number) => value.toFixed(2);
const ratioText = (value: number) => value.toFixed(3);

function spread(values: readonly number[], text: (value: number) => string): string {
  return `${text(Math.min(...values))} – ${text(Math.max(...values))}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function to(digits: number, value: number): number {
  return Number(value.toFixed(digits));
}
