import { compareBuckets, concurrently, keyOf } from '../key-values.js';
import type { Suite } from '../suite.js';

/** Gets of values that are parsed, 512 at a time. */
const suite: Suite = {
  unit: 'gets',
  operations: 60_000,
  open: (bench) =>
    compareBuckets(bench, ({ ours, raw }) => {
      const check = (id: number | undefined) => {
        if (id !== bench.value.id) throw new Error(`got id ${id} instead of ${bench.value.id}`);
      };
      return {
        ours: concurrently(async (i) => check((await ours.get(keyOf(i)))?.value.id)),
        raw: concurrently(async (i) => check((await raw.get(keyOf(i)))?.json<{ id: number }>().id)),
      };
    }),
};

export default suite;
