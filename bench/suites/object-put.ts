import { compareObjectBuckets, expectWhole, NAME, repeat, SIZE } from '../objects.js';
import type { Suite } from '../suite.js';

/** An object of 64 MiB put from memory, repeatedly: each one replaces the previous one. */
const suite: Suite = {
  unit: 'MiB',
  operations: 2 * SIZE,
  open: (bench) =>
    compareObjectBuckets(bench, ({ ours, raw, content }) => ({
      ours: {
        run: repeat(() => ours.putBytes(NAME, content)),
        verify: async () => expectWhole((await ours.getBytes(NAME)).length),
      },
      raw: {
        run: repeat(() => raw.putBlob({ name: NAME }, content)),
        verify: async () => expectWhole((await raw.info(NAME))?.size),
      },
    })),
};

export default suite;
