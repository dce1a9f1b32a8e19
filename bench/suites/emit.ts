import { JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import { comparePublishing, Subject, underWay } from '../publishing.js';
import type { Suite } from '../suite.js';

/**
 * Events of a `JetStreamClient`, each with a subscriber, against `publish` of the raw client. Both sides have 4,000
 * messages in flight and encode the same object as JSON.
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
