import { comparePublishing, Subject, WINDOW } from '../publishing.js';
import type { Suite } from '../suite.js';

/** `publishAsync` with its window of 4,000 against `publish` of the raw client, as many of which are awaited at a time. */
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
        expectAll(acknowledged, messages);
      },
      raw: async (jetstream, messages) => {
        let acknowledged = 0;
        let pending = 0;
        let room: (() => void) | undefined;
        const count = () => {
          acknowledged++;
          pending--;
          room?.();
        };
        const until = async (most: number) => {
          while (pending > most) await new Promise<void>((resolve) => (room = resolve));
        };
        for (let i = 0; i < messages; i++) {
          if (pending === WINDOW) await until(WINDOW - 1);
          pending++;
          void jetstream.publish(Subject.raw, bench.payload).then(count);
        }
        await until(0);
        expectAll(acknowledged, messages);
      },
    }),
};

export default suite;

function expectAll(acknowledged: number, messages: number): void {
  if (acknowledged !== messages) throw new Error(`${acknowledged} of ${messages} messages were acknowledged`);
}
