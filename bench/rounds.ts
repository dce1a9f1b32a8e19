import type { GoClient } from './go-client.js';
import type { Comparison, Measurement, Side } from './suite.js';

/** One round: both sides, one directly after the other, and the Go client after them, if it was requested. */
export interface Round {
  readonly ours: Measurement;
  readonly raw: Measurement;
  readonly go: Measurement | undefined;
}

/**
 * Runs a warm-up round, which is discarded, and then `rounds` rounds. In each round the two sides run one after the
 * other, and the order changes every time, so that neither profits from changes in the load of the machine.
 */
export async function* measureRounds(
  { ours, raw }: Comparison,
  rounds: number,
  operations: number,
  go?: GoClient,
): AsyncGenerator<Round> {
  for (let round = 0; round <= rounds; round++) {
    const oursFirst = round % 2 === 0;
    const first = await measure(oursFirst ? ours : raw, operations);
    const second = await measure(oursFirst ? raw : ours, operations);
    if (round === 0) continue;
    const [oursDone, rawDone] = oursFirst ? [first, second] : [second, first];
    yield { ours: oursDone, raw: rawDone, go: await go?.(operations) };
  }
}

async function measure(side: Side, operations: number): Promise<Measurement> {
  await side.prepare?.(operations);
  globalThis.gc?.();
  let cpuBefore: NodeJS.CpuUsage | undefined;
  let start = 0;
  const begin = () => {
    cpuBefore = process.cpuUsage();
    start = performance.now();
  };
  begin();
  await side.run(operations, begin);
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  await side.verify?.(operations);
  return { rate: (operations * 1_000) / elapsed, cpu: (user + system) / operations };
}
