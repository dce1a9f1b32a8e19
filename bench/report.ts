import type { Round } from './rounds.js';

/** The outcome of a suite; the last line of `npm run bench -- <suite> --json`. */
export interface Result {
  readonly suite: string;
  readonly unit: string;
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
}

/** Sums up the rounds of a suite. */
export function summarize(suite: string, unit: string, rounds: readonly Round[]): Result {
  const of = (value: (round: Round) => number) => median(rounds.map(value));
  return {
    suite,
    unit,
    ours: Math.round(of(({ ours }) => ours.rate)),
    raw: Math.round(of(({ raw }) => raw.rate)),
    ratio: to(3, of(ratio)),
    cpuOurs: to(
      2,
      of(({ ours }) => ours.cpu),
    ),
    cpuRaw: to(
      2,
      of(({ raw }) => raw.cpu),
    ),
    cpuRatio: to(3, of(cpuRatio)),
  };
}

/** A table of medians with the spread of the rounds, smallest to largest. */
export function table({ suite, unit, ...result }: Result, rounds: readonly Round[]): string {
  const rows = [
    [suite, `${unit}/s`, 'spread', 'CPU µs each', 'spread'],
    [
      'ours',
      count(result.ours),
      spread(rounds, ({ ours }) => ours.rate, count),
      fixed(result.cpuOurs),
      spread(rounds, ({ ours }) => ours.cpu, fixed),
    ],
    [
      'raw',
      count(result.raw),
      spread(rounds, ({ raw }) => raw.rate, count),
      fixed(result.cpuRaw),
      spread(rounds, ({ raw }) => raw.cpu, fixed),
    ],
    [
      'ours/raw',
      result.ratio.toFixed(3),
      spread(rounds, ratio, ratioText),
      result.cpuRatio.toFixed(3),
      spread(rounds, cpuRatio, ratioText),
    ],
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ');
  const [header, ...body] = rows;
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...body.map(line)].join('\n');
}

const ratio = ({ ours, raw }: Round) => ours.rate / raw.rate;
const cpuRatio = ({ ours, raw }: Round) => ours.cpu / raw.cpu;

const count = (value: number) => Math.round(value).toLocaleString('en-US');
const fixed = (value: number) => value.toFixed(2);
const ratioText = (value: number) => value.toFixed(3);

function spread(
  rounds: readonly Round[],
  value: (round: Round) => number,
  text: (value: number) => string,
): string {
  const values = rounds.map(value);
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
