import { readFile, writeFile } from 'node:fs/promises';
import {
  check,
  duplicatesOf,
  lostOf,
  recoveriesOf,
  unfinishedOf,
  type Violation,
} from '../checkers/index.js';
import type { History } from '../model/history.js';
import { FAULT_NAMES } from './faults.js';

/** The figures of one run. */
export interface Result {
  readonly fault: string;
  readonly seed: number;
  /** The version of nats-server at the end. */
  readonly server: string;
  /** How often the fault happened. */
  readonly injections: number;
  /** How many publishes were acknowledged. */
  readonly messages: number;
  readonly lost: number;
  /** How many messages were acknowledged before their handler had ended. */
  readonly unfinished: number;
  /** How many messages were handled more than once. */
  readonly repeated: number;
  /** All other broken promises. */
  readonly violations: number;
  /** How long it took after each fault until every handler had handled new messages, in milliseconds. */
  readonly recoveries: readonly number[];
  /** How long it took to publish and handle the messages, in seconds. */
  readonly seconds: number;
}

/** The figures of a history, and what it violates. */
export function resultOf(
  history: History,
  run: Pick<Result, 'fault' | 'seed' | 'server' | 'seconds'>,
): { readonly result: Result; readonly violations: readonly Violation[] } {
  const violations = check(history);
  const counted = new Set(['nothing is lost', 'nothing is acknowledged unfinished']);
  let messages = 0;
  for (const { kind } of history.messages()) if (kind === 'stored') messages++;
  const recoveries = recoveriesOf(history).map(Math.round);
  return {
    violations,
    result: {
      ...run,
      injections: recoveries.length,
      messages,
      // The violations that are reported are a few of them.
      lost: lostOf(history),
      unfinished: unfinishedOf(history).length,
      repeated: duplicatesOf(history),
      violations: violations.filter(({ promise }) => !counted.has(promise)).length,
      recoveries,
    },
  };
}

/** The results of the last runs, one for each fault, in a JSON file. */
export class Results {
  constructor(private readonly file: string | URL) {}

  /** The results in the order of the faults; none if there is no file. */
  async read(): Promise<Result[]> {
    const text = await readFile(this.file, 'utf8').catch(() => '[]');
    const order: readonly string[] = FAULT_NAMES;
    return (JSON.parse(text) as Result[]).toSorted((a, b) => order.indexOf(a.fault) - order.indexOf(b.fault));
  }

  /** Adds a result, or replaces the one of an earlier run with the same fault. */
  async add(result: Result): Promise<void> {
    const others = (await this.read()).filter(({ fault }) => fault !== result.fault);
    const lines = [...others, result].map((each) => `  ${JSON.stringify(each)}`);
    await writeFile(this.file, `[\n${lines.join(',\n')}\n]\n`);
  }
}

/** A Markdown table, aligned like those that the formatter writes. */
export function tableOf(results: readonly Result[]): string {
  const number = (value: number): string => value.toLocaleString('en');
  const milliseconds = (value: number): string => `${number(value)} ms`;
  const rows = results.map((each) => {
    const { fault, injections, messages, lost, unfinished, repeated, violations, recoveries } = each;
    const sorted = recoveries.toSorted((a, b) => a - b);
    return [
      `\`${fault}\``,
      ...[injections, messages, lost, unfinished, violations, repeated].map(number),
      milliseconds(sorted[sorted.length >> 1] ?? 0),
      milliseconds(sorted.at(-1) ?? 0),
    ];
  });
  const widths = HEADERS.map((header, i) => Math.max(header.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(HEADERS), line(rule), ...rows.map(line)].join('\n');
}

const HEADERS = [
  'fault',
  'injections',
  'messages',
  'lost',
  'acknowledged unfinished',
  'other violations',
  'handled again',
  'recovery, median',
  'recovery, worst',
];
