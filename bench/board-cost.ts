/**
 * Measures what the board costs an instance while no page is open: two instances handle the same load at the same time, one
 * with the board and one without, and the CPU time of both processes is compared.
 *
 * `npm run prebench && node bench/dist/board-cost.js [seconds] [rounds]`
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';

const SECONDS = Number(process.argv[2] ?? 60);
const ROUNDS = Number(process.argv[3] ?? 5);
const PER_TICK = 10;
const TICK = 10;
const SCRIPT = fileURLToPath(new URL('board-instance.js', import.meta.url));

await using server = await NatsTestServer.start();
const connection = await connect({ servers: server.url });
const manager = await jetstreamManager(connection);

const ratios: number[] = [];
for (let round = 1; round <= ROUNDS; round++) {
  // The one that starts first is another one in each round.
  const kinds = round % 2 === 0 ? ['board', 'plain'] : ['plain', 'board'];
  const instances = new Map<string, ChildProcess>();
  for (const kind of kinds) {
    await manager.streams.add({ name: kind, subjects: [`${kind}.>`], max_msgs: 10_000 });
    const instance = fork(SCRIPT, [server.url, kind, kind]);
    await once(instance, 'message');
    instances.set(kind, instance);
  }
  const isLoaded = new AbortController();
  const load = publish(kinds, isLoaded.signal);
  await sleep(5_000);
  const before = await usage(instances);
  await sleep(SECONDS * 1_000);
  const after = await usage(instances);
  isLoaded.abort();
  await load;
  const used = (kind: string): number => (after.get(kind) ?? NaN) - (before.get(kind) ?? NaN);
  const ratio = used('board') / used('plain');
  ratios.push(ratio);
  console.log(
    `round ${round}: ${(used('board') / 1_000).toFixed(0)} ms of CPU with the board, ` +
      `${(used('plain') / 1_000).toFixed(0)} ms without, ratio ${ratio.toFixed(3)}`,
  );
  for (const [kind, instance] of instances) {
    instance.disconnect();
    await once(instance, 'exit');
    await manager.streams.delete(kind);
  }
}
ratios.sort((a, b) => a - b);
console.log(
  `median of ${ROUNDS} rounds of ${SECONDS} s: ${(ratios[Math.floor(ROUNDS / 2)] ?? NaN).toFixed(3)}`,
);
await connection.close();

/** Publishes the same load for all instances, until the signal is aborted. */
async function publish(kinds: readonly string[], signal: AbortSignal): Promise<void> {
  const payload = new Uint8Array(128);
  while (!signal.aborted) {
    for (let i = 0; i < PER_TICK; i++) for (const kind of kinds) connection.publish(`${kind}.load`, payload);
    await sleep(TICK);
  }
  await connection.flush();
}

async function usage(instances: ReadonlyMap<string, ChildProcess>): Promise<Map<string, number>> {
  const answers = [...instances].map(async ([kind, instance]): Promise<[string, number]> => {
    instance.send('usage');
    const [used] = (await once(instance, 'message')) as [number];
    return [kind, used];
  });
  return new Map(await Promise.all(answers));
}
