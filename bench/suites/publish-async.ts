import { comparePublishing, Subject, underWay } from '../publishing.js';
import type { Suite } from '../suite.js';

/** `publishAsync` with its window of 4,000 against `publish` of the raw client with the same number in flight. */
const suite: Suite = {
  unit: 'messages',
  operations: 100_000,
  open: (bench) =>
    comparePublishing(bench, {
      ours: async (jetstream, messages) => {
        let acknowledged = 0;
        const count = () => void acknowledged++;
        for (let i = 0; i < messages; i++) {
          await jetstream.publishAsyncReady();
          void jetstream.publishAsync(Subject.ours, bench.payload).ack.then(count);
        }
        await jetstream.publishAsyncComplete();
        if (acknowledged !== messages)
          throw new Error(`${acknowledged} of ${messages} messages were acknowledged`);
      },
      raw: (jetstream, messages) =>
        underWay(messages, (acknowledged) => {
          void jetstream.publish(Subject.raw, bench.payload).then(acknowledged);
        }),
    }),
};

export default suite;
