import { compareObjectBuckets, expectWhole, NAME, repeat, SIZE } from '../objects.js';
import type { Suite } from '../suite.js';

/** An object of 64 MiB read as a stream, its digest verified, repeatedly. */
const suite: Suite = {
  unit: 'MiB',
  operations: 2 * SIZE,
  open: (bench) =>
    compareObjectBuckets(bench, ({ ours, raw, content }) => ({
      ours: {
        prepare: async () => void (await ours.putBytes(NAME, content)),
        run: repeat(async () => {
          let received = 0;
          for await (const piece of await ours.get(NAME)) received += (piece as Uint8Array).length;
          expectWhole(received);
        }),
      },
      raw: {
        prepare: async () => void (await raw.putBlob({ name: NAME }, content)),
        run: repeat(async () => {
          let received = 0;
          const result = await raw.get(NAME);
          for await (const piece of result?.data ?? []) received += piece.length;
          await result?.error;
          expectWhole(received);
        }),
      },
    })),
};

export default suite;
