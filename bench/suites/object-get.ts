import { compareObjectBuckets, expectSize, NAME, repeat, SIZE } from '../objects.js';
import type { Suite } from '../suite.js';

/** An object of 64 MiB read as a stream, its digest verified, again and again. */
const suite: Suite = {
  unit: 'MiB',
  operations: 4 * SIZE,
  open: (bench) =>
    compareObjectBuckets(bench, ({ ours, raw, content }) => {
      let received = 0;
      const verify = async (operations: number) => expectSize(received, operations);
      return {
        ours: {
          prepare: async () => {
            await ours.putBytes(NAME, content);
            received = 0;
          },
          run: (operations) =>
            repeat(operations, async () => {
              for await (const piece of await ours.get(NAME)) received += (piece as Uint8Array).length;
            }),
          verify,
        },
        raw: {
          prepare: async () => {
            await raw.putBlob({ name: NAME }, content);
            received = 0;
          },
          run: (operations) =>
            repeat(operations, async () => {
              const result = await raw.get(NAME);
              for await (const piece of result?.data ?? []) received += piece.length;
              await result?.error;
            }),
          verify,
        },
      };
    }),
};

export default suite;
