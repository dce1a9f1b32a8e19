/**
 * `npm run bench [-- <suite> …] [-- --rounds n] [-- --messages n] [-- --go <program>] [-- --json] [-- --list]`
 *
 * Measures the built package (`dist/esm`), as users get it, against the raw `@nats-io` client; and
 * against the Go client, where `bench/go` was built and is given.
 */
import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { openBench } from './environment.js';
import { goClient } from './go-client.js';
import { summarize, table } from './report.js';
import { measureRounds, type Round } from './rounds.js';
import type { Suite } from './suite.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    messages: { type: 'string' },
    go: { type: 'string' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const known = await suiteNames();
if (options.list) {
  console.log(known.join('\n'));
} else {
  for (const name of positionals.length > 0 ? positionals : known) await run(name);
}

async function run(name: string): Promise<void> {
  if (!known.includes(name)) throw new Error(`no suite "${name}"; there are: ${known.join(', ')}`);
  const { default: suite } = (await import(`./suites/${name}.js`)) as { default: Suite };
  const operations = positiveInteger('messages', options.messages ?? String(suite.operations));
  const count = positiveInteger('rounds', options.rounds);
  console.log(`\n${name}: ${count} rounds of ${operations.toLocaleString('en-US')} ${suite.unit} a side`);

  const bench = await openBench();
  const rounds: Round[] = [];
  try {
    const comparison = await suite.open(bench);
    try {
      const go = options.go === undefined ? undefined : goClient(options.go, name, bench.url);
      for await (const round of measureRounds(comparison, count, operations, go)) rounds.push(round);
    } finally {
      await comparison.close();
    }
  } finally {
    await bench.close();
  }

  const result = summarize(name, suite.unit, rounds);
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
