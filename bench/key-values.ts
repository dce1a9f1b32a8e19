import { Kvm, type KV } from '@nats-io/kv';
import type { KeyValue } from 'nestjs-nats-jetstream';
import { openServices } from './services.js';
import type { Bench, BenchValue, Comparison, Side } from './suite.js';

/** How many operations are in flight at a time. */
const WINDOW = 512;
const KEYS = 1_000;

/** A bucket of each client, on connections of their own, in memory, filled with the same values. */
export interface Buckets {
  readonly ours: KeyValue<BenchValue>;
  readonly raw: KV;
  close(): Promise<void>;
}

async function openBuckets(bench: Bench): Promise<Buckets> {
  const { keyValues, close } = await openServices(await bench.connectOurs());
  const rawNc = await bench.connect();
  const ours = await keyValues.create<BenchValue>({ bucket: 'ours', storage: 'memory' });
  const raw = await new Kvm(rawNc).create('raw', { storage: 'memory' });
  for (let i = 0; i < KEYS; i++) {
    await ours.put(keyOf(i), bench.value);
    await raw.put(keyOf(i), bench.payload);
  }
  return {
    ours,
    raw,
    close: async () => {
      await close();
      await rawNc.close();
    },
  };
}

/** One of a thousand keys. */
export function keyOf(i: number): string {
  return `customer.${i % KEYS}`;
}

/** A side that repeats an operation, {@link WINDOW} at a time. */
export function concurrently(operation: (i: number) => Promise<void>): Side {
  return {
    run: async (operations) => {
      let next = 0;
      const worker = async () => {
        while (next < operations) await operation(next++);
      };
      await Promise.all(Array.from({ length: WINDOW }, worker));
    },
  };
}

type Sides = Pick<Comparison, 'ours' | 'raw'>;

/** Two sides on {@link Buckets}. */
export async function compareBuckets(
  bench: Bench,
  sides: (buckets: Buckets) => Sides | Promise<Sides>,
): Promise<Comparison> {
  const buckets = await openBuckets(bench);
  return { ...(await sides(buckets)), close: () => buckets.close() };
}
