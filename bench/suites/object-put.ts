import { compareObjectBuckets, expectSize, NAME, repeat, SIZE } from '../objects.js';
import type { Suite } from '../suite.js';

/** An object of 64 MiB put from memory, again and again: each replaces the one before. */
const suite: Suite = {
  unit: 'MiB',
  operations: 2 * SIZE,
  open: (bench) =>
    compareObjectBuckets(bench, ({ ours, raw, content }) => ({
      ours: {
        run: (operations) => repeat(operations, () => ours.putBytes(NAME, content)),
        verify: async () => expectSize((await ours.getBytes(NAME)).length, SIZE),
      },
      raw: {
        run: (operations) => repeat(operations, () => raw.putBlob({ name: NAME }, content)),
        verify: async () => expectSize((await raw.info(NAME))?.size, SIZE),
      },
    })),
};

export default suite;
