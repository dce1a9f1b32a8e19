import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Participant } from './participant.js';
import { failures, table, type Round } from './report.js';
import type { Work } from './suites.js';
import type { Storage, SuiteName } from './transport.js';
import { transports } from './transports/index.js';

/** How much one round is, unless `--operations` says otherwise. */
const OPERATIONS: Readonly<Record<SuiteName, number>> = { emit: 10_000, events: 40_000, requests: 10_000 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    operations: { type: 'string' },
    storage: { type: 'string', default: 'memory' },
    json: { type: 'boolean', default: false },
  },
});

console.log(await versions());
const chosen = (Object.keys(OPERATIONS) as SuiteName[]).filter(
  (suite) => positionals.length === 0 || positionals.includes(suite),
);
for (const suite of chosen) {
  const operations = Number(values.operations ?? OPERATIONS[suite]);
  const rounds = await measureRounds(suite, Number(values.rounds), {
    operations,
    storage: values.storage as Storage,
  });
  console.log(`\n${suite}: ${rounds.length} rounds of ${operations.toLocaleString('en-US')}\n`);
  console.log(table(suite === 'requests' ? 'requests' : 'events', rounds));
  for (const failure of failures(rounds)) console.log(`\n${failure}`);
  if (values.json)
    console.log(JSON.stringify({ suite, rounds: rounds.map((round) => Object.fromEntries(round)) }));
}

/**
 * Runs a warm-up round, which is discarded, and then the given number of rounds. In each round all transports run one
 * after another, and each round starts with a different one.
 */
async function measureRounds(suite: SuiteName, rounds: number, work: Work): Promise<Round[]> {
  const participants = transports
    .filter(({ suites }) => suites.includes(suite))
    .map(({ name }) => new Participant(suite, name));
  const measured: Round[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      const outcomes: [string, Awaited<ReturnType<Participant['run']>>][] = [];
      for (let i = 0; i < participants.length; i++) {
        const participant = participants[(round + i) % participants.length];
        if (participant !== undefined) outcomes.push([participant.name, await participant.run(work)]);
      }
      if (round === 0) continue;
      const byName = new Map(outcomes);
      measured.push(
        new Map(
          participants.flatMap(({ name }) => {
            const outcome = byName.get(name);
            return outcome === undefined ? [] : [[name, outcome] as const];
          }),
        ),
      );
    }
  } finally {
    for (const participant of participants) participant.stop();
  }
  return measured;
}

async function versions(): Promise<string> {
  const server = await NatsTestServer.start();
  const { version } = server;
  await server.stop();
  const installed = async (name: string) => {
    const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) return `${name}: not installed`;
    return `${name} ${(JSON.parse(text) as { version: string }).version}`;
  };
  const packages = await Promise.all(
    [
      'nestjs-nats-jetstream',
      '@horizon-republic/nestjs-jetstream',
      'horizon-republic-2',
      '@nestjs-plugins/nestjs-nats-jetstream-transport',
      '@nestjs/core',
      '@nestjs/microservices',
      'nats',
    ].map(installed),
  );
  return [
    `Node ${process.version}, ${availableParallelism()} cores, nats-server ${version}, storage ${values.storage}`,
    ...packages,
  ].join('\n');
}
