import { compareBuckets, concurrently, keyOf } from '../key-values.js';
import type { Suite } from '../suite.js';

/** Puts of objects as JSON, 512 at a time. */
const suite: Suite = {
  unit: 'puts',
  operations: 60_000,
  open: (bench) =>
    compareBuckets(bench, ({ ours, raw }) => {
      let oursRevision = 0;
      let rawRevision = 0;
      return {
        ours: {
          ...concurrently(async (i) => {
            const revision = await ours.put(keyOf(i), bench.value);
            if (revision > oursRevision) oursRevision = revision;
          }),
          verify: async () => expectLast(oursRevision, (await ours.status()).streamInfo.state.lastSequence),
        },
        raw: {
          ...concurrently(async (i) => {
            const revision = await raw.put(keyOf(i), JSON.stringify(bench.value));
            if (revision > rawRevision) rawRevision = revision;
          }),
          verify: async () => expectLast(rawRevision, (await raw.status()).streamInfo.state.last_seq),
        },
      };
    }),
};

export default suite;

async function expectLast(acknowledged: number, stored: number): Promise<void> {
  if (acknowledged !== stored)
    throw new Error(`revision ${acknowledged} was acknowledged, ${stored} is stored`);
}
