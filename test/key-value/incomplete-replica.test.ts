import { expect, it } from 'vitest';
import { NatsTestCluster } from '../../lib/testing/index.js';
import { eventually } from '../support/eventually.js';
import { collect, connectTo } from './support.js';

/** The subject to which the servers divert questions for the last message of the bucket. The test answers them. */
const DIVERTED = 'diverted';

it(
  'a list reads from another server if one never gets what the leader has',
  { timeout: 120_000 },
  async () => {
    await using cluster = await NatsTestCluster.start(3, {
      config: { mappings: { '$JS.API.STREAM.MSG.GET.KV_B': DIVERTED } },
    });
    const reader = await connectTo(cluster.urls[0]);
    const observer = await connectTo(cluster.urls[1]);
    try {
      const kv = await eventually(
        () => reader.keyValues.create<number>({ bucket: 'B', replicas: 3 }).catch(() => undefined),
        (created) => created !== undefined,
      );
      if (kv === undefined) throw new Error('there is no bucket');
      await kv.put('a', 1);
      const last = await kv.put('b', 2);
      let consumers = 0;
      observer.nc.subscribe('$JS.API.CONSUMER.CREATE.KV_B.>', { callback: () => void consumers++ });
      // A server cannot be kept from getting one message, so here the leader has one that no server delivers: until the list
      // has chosen two other servers.
      observer.nc.subscribe(DIVERTED, {
        callback: (_, question) => {
          const seq = consumers < 3 ? last + 1 : last;
          const message = { subject: '$KV.B.c', seq, time: new Date().toISOString() };
          question.respond(
            JSON.stringify({ type: 'io.nats.jetstream.api.v1.stream_msg_get_response', message }),
          );
        },
      });
      await observer.nc.flush();
      expect((await collect(kv.keys())).toSorted()).toEqual(['a', 'b']);
      expect(consumers).toBe(3);
    } finally {
      await reader.nc.close();
      await observer.nc.close();
    }
  },
);
