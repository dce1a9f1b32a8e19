import { compareBuckets, concurrently, keyOf } from '../key-values.js';
import type { Suite } from '../suite.js';

/** Gets from a live copy against gets from the server, 512 at a time. */
const suite: Suite = {
  unit: 'gets',
  operations: 60_000,
  open: (bench) =>
    compareBuckets(bench, async ({ ours, raw }) => {
      const cached = await ours.cached();
      const check = (id: number | undefined) => {
        if (id !== bench.value.id) throw new Error(`got id ${id} instead of ${bench.value.id}`);
      };
      return {
        ours: {
          run: async (operations) => {
            for (let i = 0; i < operations; i++) check(cached.get(keyOf(i))?.value.id);
          },
        },
        raw: concurrently(async (i) => check((await raw.get(keyOf(i)))?.json<{ id: number }>().id)),
      };
    }),
};

export default suite;
