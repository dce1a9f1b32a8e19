import { JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import { comparePublishing, Subject, underWay } from '../publishing.js';
import type { Suite } from '../suite.js';

/**
 * Events of a `JetStreamClient`, each with a subscriber, against `publish` of the raw client: 4,000 of them are under way at a
 * time on both sides, and both make JSON of the same object.
 */
const suite: Suite = {
  unit: 'events',
  operations: 100_000,
  open: async (bench) => {
    const client = new JetStreamClient({ connection: { servers: bench.url } });
    await client.connect();
    const comparison = await comparePublishing(bench, {
      ours: (_, events) =>
        underWay(events, (stored) => {
          client.emit(Subject.ours, bench.value).subscribe({ complete: stored });
        }),
      raw: (jetstream, events) =>
        underWay(events, (stored) => {
          void jetstream.publish(Subject.raw, JSON.stringify(bench.value)).then(stored);
        }),
    });
    return {
      ...comparison,
      close: async () => {
        await client.close();
        await comparison.close();
      },
    };
  },
};

export default suite;
