import { comparePublishing, Subject } from '../publishing.js';
import type { Suite } from '../suite.js';

/** Publishing one message after the other, each awaited. */
const suite: Suite = {
  unit: 'messages',
  operations: 20_000,
  open: (bench) =>
    comparePublishing(bench, {
      ours: async (jetstream, messages) => {
        for (let i = 0; i < messages; i++) await jetstream.publish(Subject.ours, bench.payload);
      },
      raw: async (jetstream, messages) => {
        for (let i = 0; i < messages; i++) await jetstream.publish(Subject.raw, bench.payload);
      },
    }),
};

export default suite;
