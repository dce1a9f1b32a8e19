import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { check } from '../checkers/index.js';
import { buildProcess } from './build.js';
import { FAULT_NAMES, FAULTS, type FaultName } from './faults.js';
import { FaultRun } from './fault-run.js';
import { explain, type Row, rowOf, tableOf } from './report.js';

/** The long form: `npm run fault -- --help`. */
const HELP = `Runs a service on a cluster of three servers, injects faults, and checks the history.

  --seed N       repeats the faults of a run; default: a random number
  --fault NAME   only this fault; may be given several times; default: each one, in a run of its own
  --messages N   how many messages each run publishes; default: 1,000,000
  --minutes M    how long all runs together may take; default: no limit
  --rate N       messages in a second; default: as many as the handlers manage
  --together     all faults in one run
  --table FILE   also writes the table of the results into this file
  --keep         keeps the journals, and prints their folder

Faults: ${FAULT_NAMES.join(', ')}`;

interface Options {
  readonly seed: number;
  readonly faults: readonly FaultName[];
  readonly messages: number;
  readonly minutes: number;
  readonly rate: number | null;
  readonly together: boolean;
  readonly table: string | undefined;
  readonly keep: boolean;
}

/** Executes the runs; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args);
  if (options === undefined) {
    console.log(HELP);
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
  const { faults, together, minutes } = options;
  await using built = await buildProcess();
  const rows: Row[] = [];
  let violated = 0;
  const groups = together ? [upgradesFirst(faults)] : faults.map((fault) => [fault]);
  for (const group of groups) {
    const name = together ? 'all' : group.join();
    const milliseconds = (minutes * 60_000) / groups.length;
    const { row, problems } = await runOne(name, group, {
      ...options,
      script: built.url,
      folder,
      milliseconds,
    });
    rows.push(row);
    console.log(tableOf([row]));
    for (const problem of problems) console.log(`\nVIOLATION (seed ${options.seed}, ${name})\n${problem}`);
    violated += problems.length;
  }
  console.log(`\n${tableOf(rows)}\n\n${violated} violations`);
  if (options.table !== undefined) await writeFile(options.table, `${tableOf(rows)}\n`);
  return violated === 0 ? 0 : 1;
}

async function runOne(
  name: string,
  faults: readonly FaultName[],
  {
    script,
    folder,
    seed,
    messages,
    milliseconds,
    rate,
  }: Options & { script: URL; folder: string; milliseconds: number },
): Promise<{ readonly row: Row; readonly problems: readonly string[] }> {
  console.log(`\n${name}`);
  const history = await FaultRun.execute({
    script,
    folder: join(folder, name),
    seed,
    faults,
    messages,
    milliseconds,
    rate,
    scale: 1,
    replicas: 3,
    services: 2,
    onProgress: (line) => console.log(`  ${line}`),
  });
  return {
    row: rowOf(name, history),
    problems: check(history).map((violation) => explain(violation, history)),
  };
}

function optionsOf(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      fault: { type: 'string', multiple: true, default: [...FAULT_NAMES] },
      messages: { type: 'string', default: '1000000' },
      minutes: { type: 'string', default: 'Infinity' },
      rate: { type: 'string' },
      together: { type: 'boolean', default: false },
      table: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { together, table, keep } = values;
  return {
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : numberOf('seed', values.seed),
    faults: values.fault.map(faultOf),
    messages: numberOf('messages', values.messages),
    minutes: numberOf('minutes', values.minutes),
    rate: values.rate === undefined ? null : numberOf('rate', values.rate),
    together,
    table,
    keep,
  };
}

/** Servers of an old version do not have all features. */
function upgradesFirst(faults: readonly FaultName[]): FaultName[] {
  const isUpgrade = (name: FaultName): boolean => FAULTS[name].version !== undefined;
  return [...faults.filter(isUpgrade), ...faults.filter((name) => !isUpgrade(name))];
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
