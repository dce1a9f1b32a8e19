/**
 * `npm run bench [-- <suite> …] [-- --rounds n] [-- --messages n] [-- --go <program>] [-- --against <folder>]
 * [-- --against-suite <suite>] [-- --json] [-- --list]`
 *
 * Measures the built package (`dist`), as users get it, against the raw `@nats-io` client; also against the Go client if
 * `bench/go` was built and is given. With `--against` it measures against another build of this library instead of the raw
 * client, and with `--against-suite` against this library's side of another suite.
 */
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { suiteOfBuild } from './build.js';
import { goClient } from './go-client.js';
import { summarize, table } from './report.js';
import { measureRounds, type Round } from './rounds.js';
import type { Comparison } from './suite.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    messages: { type: 'string' },
    go: { type: 'string' },
    against: { type: 'string' },
    'against-suite': { type: 'string' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const here = fileURLToPath(new URL('../..', import.meta.url));
const known = await suiteNames();
if (options.list) {
  console.log(known.join('\n'));
} else {
  for (const name of positionals.length > 0 ? positionals : known) await run(name);
}

async function run(name: string): Promise<void> {
  if (!known.includes(name)) throw new Error(`no suite "${name}"; there are: ${known.join(', ')}`);
  const { against, 'against-suite': otherSuite } = options;
  const ours = await suiteOfBuild(here, name);
  const before = against === undefined ? undefined : await suiteOfBuild(resolve(against), name, here);
  const plain = otherSuite === undefined ? undefined : await suiteOfBuild(here, otherSuite);
  const compared = before ?? plain;
  const operations = positiveInteger('messages', options.messages ?? String(ours.suite.operations));
  const count = positiveInteger('rounds', options.rounds ?? (compared ? '15' : '5'));
  console.log(
    `\n${name}: ${count} rounds of ${operations.toLocaleString('en-US')} ${ours.suite.unit} a side`,
  );

  const rounds: Round[] = [];
  const opened = await ours.open();
  try {
    const other = await compared?.open();
    try {
      const go = options.go === undefined ? undefined : goClient(options.go, name, opened.url);
      const sides: Comparison = other ? { ...opened, raw: other.ours } : opened;
      for await (const round of measureRounds(sides, count, operations, go)) rounds.push(round);
    } finally {
      await other?.close();
    }
  } finally {
    await opened.close();
  }

  const result = summarize(name, ours.suite.unit, rounds, before ? 'before' : (otherSuite ?? 'raw'));
  console.log(`\n${table(result, rounds)}`);
  if (options.json) console.log(JSON.stringify(result));
}

async function suiteNames(): Promise<string[]> {
  const files = await readdir(new URL('./suites/', import.meta.url));
  return files
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.slice(0, -'.js'.length))
    .toSorted();
}

function positiveInteger(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${option} ${text}: give a whole number above 0`);
  return value;
}
