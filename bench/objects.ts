import { randomBytes } from 'node:crypto';
import { Objm, type ObjectStore as RawObjectStore } from '@nats-io/obj';
import type { ObjectStore } from 'nestjs-nats-jetstream';
import { openServices } from './services.js';
import type { Bench, Comparison, Side } from './suite.js';

/** The object that both sides put and get. */
export const NAME = 'object';
/** Its size in MiB; what a round puts or gets is a multiple of it. */
export const SIZE = 64;

/** A bucket of each client, on connections of their own, in memory. */
export interface ObjectBuckets {
  readonly ours: ObjectStore;
  readonly raw: RawObjectStore;
  /** The content of the object, random bytes. */
  readonly content: Buffer;
}

/** Two sides on {@link ObjectBuckets}. An operation is a MiB. */
export async function compareObjectBuckets(
  bench: Bench,
  sides: (buckets: ObjectBuckets) => { readonly ours: Side; readonly raw: Side },
): Promise<Comparison> {
  const { objectStores, close } = await openServices(await bench.connectOurs());
  const rawNc = await bench.connect();
  const ours = await objectStores.create({ bucket: 'ours', storage: 'memory' });
  const raw = await new Objm(rawNc).create('raw', { storage: 'memory' });
  return {
    ...sides({ ours, raw, content: randomBytes(SIZE * MEBIBYTE) }),
    close: async () => {
      await close();
      await rawNc.close();
    },
  };
}

/**
 * The run of a side that repeats an operation with the object until the given number of MiB is reached. The operation
 * is done twice before the measurement starts: the garbage collection at the start of a round returns the memory of the
 * heap to the system, and allocating it again takes as long as a transfer.
 */
export function repeat(action: () => Promise<unknown>): Side['run'] {
  return async (mebibytes, begin) => {
    await action();
    await action();
    begin();
    for (let done = 0; done < mebibytes; done += SIZE) await action();
  };
}

/** @throws if the number of bytes is not the size of the object */
export function expectWhole(bytes: number | undefined): void {
  if (bytes !== SIZE * MEBIBYTE) throw new Error(`${bytes} bytes instead of ${SIZE} MiB`);
}

const MEBIBYTE = 1_048_576;
