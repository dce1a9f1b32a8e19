import { NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { jsonCodec } from '../../lib/codecs/index.js';
import { connect, JetStreamConnection } from '../../lib/connection/index.js';
import { JetStreamService, StorageType } from '../../lib/jetstream/index.js';
import { Requests } from '../../lib/requests/index.js';

const MESSAGES = 30_000;

it(
  'stores each message with an id once although the leader of the stream is killed',
  { timeout: 120_000 },
  async () => {
    await using cluster = await NatsTestCluster.start(3);
    const setUp = await serviceOn(cluster.urls);
    const stream = await setUp.service.createStream({
      name: 'REPLICATED',
      subjects: ['replicated'],
      storage: StorageType.Memory,
      replicas: 3,
    });
    await cluster.ready();
    const leader = (await stream.info()).cluster?.leader;
    const killed = cluster.servers.find(({ name }) => name === leader);
    const others = cluster.servers.filter((server) => server !== killed).map(({ url }) => url);
    expect(others).toHaveLength(2);

    // Connected to another server: the connection itself does not notice anything.
    const { service, nc } = await serviceOn([others[0]], true);
    let reconnected = false;
    const stop = service.connection.listen({ onDisconnect: () => (reconnected = true) });
    const futures = [];
    for (let i = 0; i < MESSAGES; i++) {
      await service.publishAsyncReady();
      futures.push(
        service.publishAsync('replicated', String(i), {
          idempotent: true,
          timeout: 20_000,
          retry: { attempts: 100, wait: 100 },
        }),
      );
      if (i === MESSAGES / 2) void killed?.kill();
    }
    const acks = await Promise.all(futures.map(({ ack }) => ack));

    expect(reconnected).toBe(false);
    expect(new Set(acks.map(({ sequence }) => sequence)).size).toBe(MESSAGES);
    const { state } = await (await service.stream('REPLICATED')).info();
    expect(state.messages).toBe(MESSAGES);
    stop();
    await nc.close();
    await setUp.nc.close();
  },
);

async function serviceOn(servers: string[], only = false) {
  const nc = await connect({
    servers,
    reconnectTimeWait: 20,
    maxReconnectAttempts: -1,
    ignoreClusterUpdates: only,
  });
  const connection = new JetStreamConnection('default', nc);
  const service = new JetStreamService(connection, new Requests(connection), {
    codec: jsonCodec,
    publish: {},
  });
  return { nc, service };
}
