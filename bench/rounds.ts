import type { GoClient } from './go-client.js';
import type { Comparison, Side } from './suite.js';

/** The measurement of one side in one round. */
export interface Measurement {
  /** Operations a second. */
  readonly rate: number;
  /** Microseconds of CPU (user and system, all threads of this process) an operation. */
  readonly cpu: number;
}

/** One round: both sides, one directly after the other, and the Go client after them, if it was requested. */
export interface Round {
  readonly ours: Measurement;
  readonly raw: Measurement;
  readonly go: Measurement | undefined;
}

/**
 * Runs a warm-up round, which is thrown away, and then `rounds` rounds. In each the two sides follow one another, and
 * the order changes every time, so that neither profits from what the machine happens to do.
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
