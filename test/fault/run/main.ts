import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { buildProcess } from './build.js';
import { FAULT_NAMES, type FaultName } from './faults.js';
import { FaultRun } from './fault-run.js';
import { writeTable } from './reliability-page.js';
import { explain } from './report.js';
import { Results, resultOf, tableOf, type Result } from './results.js';

const docs = fileURLToPath(new URL('../../../docs/', import.meta.url));
const RESULTS = join(docs, 'reliability.json');
const PAGE = join(docs, 'reliability.md');

/** The number of messages of a run whose result is written into the documentation. */
const MILLION = 1_000_000;

/** The long form: `npm run fault -- --help`. */
const HELP = `Runs a service on a cluster of three servers, injects faults, and checks the history.

  --seed N        repeats the faults of a run; default: a random number
  --fault NAME    only this fault; may be given several times; default: each one, in a run of its own
  --messages N    how many messages each run publishes; default: 1,000,000
  --minutes M     how long all runs together may take; default: no limit
  --rate N        messages in a second; default: as many as the handlers manage
  --together      all faults in one run, except the upgrade
  --results FILE  the file to which each result is added as soon as its run has ended; default: docs/reliability.json,
                  for runs of a million messages or more
  --continue      skips the faults that have a result in this file
  --table         only writes the table of docs/reliability.md, from this file
  --keep          keeps the journals, and prints their folder

Faults: ${FAULT_NAMES.join(', ')}`;

interface Options {
  readonly seed: number;
  readonly faults: readonly FaultName[];
  readonly messages: number;
  readonly minutes: number;
  readonly rate: number | null;
  readonly together: boolean;
  readonly results: Results;
  readonly isRecorded: boolean;
  readonly continues: boolean;
  readonly table: boolean;
  readonly keep: boolean;
}

/** Executes the runs; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args);
  if (options === undefined) {
    console.log(HELP);
    return 0;
  }
  if (options.table) {
    await writeTable(PAGE, await options.results.read());
    return 0;
  }
  const folder = await mkdtemp(join(tmpdir(), 'fault-'));
  console.log(`seed ${options.seed}`);
  try {
    return await runAll(options, folder);
  } finally {
    if (options.keep) console.log(`journals: ${folder}`);
    else await rm(folder, { recursive: true });
  }
}

async function runAll(options: Options, folder: string): Promise<number> {
  const { faults, together, minutes, results, isRecorded, continues, keep } = options;
  await using built = await buildProcess();
  const server = await versionOfServer();
  const groups = together
    ? [faults.filter((fault) => fault !== 'rolling-upgrade')]
    : faults.map((fault) => [fault]);
  const known = continues ? (await results.read()).map(({ fault }) => fault) : [];
  const all: Result[] = [];
  let failed = 0;
  for (const [i, group] of groups.entries()) {
    const name = together ? 'all' : group.join();
    if (known.includes(name)) continue;
    const milliseconds = (minutes * 60_000) / groups.length;
    const place = join(folder, name);
    console.log(`\n${name} (${i + 1} of ${groups.length})`);
    try {
      const run = { ...options, script: built.url, folder: place, server, milliseconds };
      const { result, problems } = await runOne(name, group, run);
      if (isRecorded) await results.add(result);
      all.push(result);
      console.log(tableOf([result]));
      for (const problem of problems) console.log(`\nVIOLATION (seed ${options.seed}, ${name})\n${problem}`);
      failed += problems.length;
    } catch (error) {
      // The other faults have their runs nevertheless.
      failed++;
      console.log(
        `FAILED (seed ${options.seed}, ${name})\n${error instanceof Error ? error.stack : String(error)}`,
      );
    }
    if (!keep) await rm(place, { recursive: true, force: true });
  }
  console.log(`\n${tableOf(all)}\n\n${failed} violations or failures, seed ${options.seed}`);
  return failed === 0 ? 0 : 1;
}

async function runOne(
  name: string,
  faults: readonly FaultName[],
  run: Options & { readonly script: URL; folder: string; server: string; milliseconds: number },
): Promise<{ readonly result: Result; readonly problems: readonly string[] }> {
  const { script, folder, seed, server, messages, milliseconds, rate } = run;
  const start = performance.now();
  const seconds = (): number => Math.round((performance.now() - start) / 100) / 10;
  const history = await FaultRun.execute({
    script,
    folder,
    seed,
    faults,
    messages,
    milliseconds,
    rate,
    pause: [4_000, 8_000],
    scale: 1,
    servers: 3,
    services: 2,
    onProgress: (line) => console.log(`  ${seconds().toFixed(1).padStart(6)} s  ${line}`),
  });
  const { result, violations } = resultOf(history, { fault: name, seed, server, seconds: seconds() });
  console.log(`  ${seconds().toFixed(1).padStart(6)} s  the history is checked`);
  return { result, problems: violations.map((violation) => explain(violation, history)) };
}

async function versionOfServer(): Promise<string> {
  await using server = await NatsTestServer.start();
  return server.version;
}

function optionsOf(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      fault: { type: 'string', multiple: true, default: [...FAULT_NAMES] },
      messages: { type: 'string', default: String(MILLION) },
      minutes: { type: 'string', default: 'Infinity' },
      rate: { type: 'string' },
      together: { type: 'boolean', default: false },
      results: { type: 'string' },
      continue: { type: 'boolean', default: false },
      table: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { together, table, keep, results } = values;
  const messages = numberOf('messages', values.messages);
  return {
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : numberOf('seed', values.seed),
    faults: values.fault.map(faultOf),
    messages,
    minutes: numberOf('minutes', values.minutes),
    rate: values.rate === undefined ? null : numberOf('rate', values.rate),
    together,
    results: new Results(results ?? RESULTS),
    isRecorded: results !== undefined || (messages >= MILLION && !together),
    continues: values.continue,
    table,
    keep,
  };
}

function numberOf(name: string, text: string): number {
  const number = Number(text.replaceAll(',', ''));
  if (Number.isNaN(number) || number < 0) throw new TypeError(`--${name} must be a number, not "${text}"`);
  return number;
}

function faultOf(text: string): FaultName {
  const name = FAULT_NAMES.find((each) => each === text);
  if (name === undefined)
    throw new TypeError(`There is no fault "${text}". Choose from: ${FAULT_NAMES.join(', ')}`);
  return name;
}
