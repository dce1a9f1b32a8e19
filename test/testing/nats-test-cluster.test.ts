import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';

import { InvalidArgumentError } from '../../lib/errors/index.js';
import { NatsTestCluster, type NatsTestClusterOptions } from '../../lib/testing/index.js';

describe('NatsTestCluster.start', () => {
  it.each(['2.15', '2.10', '2.9'])(
    'of %s servers can create a stream of three replicas at once',
    async (version) => {
      await using cluster = await NatsTestCluster.start(3, { version });
      expect(cluster.servers.map((server) => server.url)).toEqual(cluster.urls);
      const connection = await connect({ servers: cluster.urls });
      const manager = await jetstreamManager(connection);
      const info = await manager.streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 });
      expect(info.cluster?.replicas).toHaveLength(2);
      await connection.close();
    },
  );

  it('is ready again after the restart of a killed leader', async () => {
    await using cluster = await NatsTestCluster.start(3, { config: { max_payload: 4096 } });
    const before = await connect({ servers: cluster.urls });
    expect(before.info?.max_payload).toBe(4096);
    const { streams } = await jetstreamManager(before);
    const created = await streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 });
    await jetstream(before).publish('orders', 'one');
    await before.close();

    const leader = cluster.servers.find(({ name }) => name === created.cluster?.leader);
    await leader?.kill();
    await leader?.restart();
    await cluster.ready();

    for (const server of cluster.servers) {
      const after = await connect({ servers: server.url });
      const manager = await jetstreamManager(after);
      const info = await manager.streams.info('ORDERS');
      expect(info.state.messages).toBe(1);
      await after.close();
    }
  });

  it('can restart its servers one after another after all were killed', async () => {
    await using cluster = await NatsTestCluster.start(3);
    await Promise.all(cluster.servers.map((server) => server.kill()));
    for (const server of cluster.servers) {
      await server.restart();
      const connection = await connect({ servers: server.url });
      expect(connection.info?.server_name).toBe(server.name);
      await connection.close();
    }
  });

  it('is not ready if too few servers run, and says so', async () => {
    await using cluster = await NatsTestCluster.start(3);
    await Promise.all(cluster.servers.slice(1).map((server) => server.kill()));
    await expect(cluster.ready(500)).rejects.toThrow(
      'only 1 of 3 servers run, and a leader needs 2. Restart one of the others first',
    );
  });

  it('stops all its servers', async () => {
    const cluster = await NatsTestCluster.start(2);
    await cluster.stop();
    expect(cluster.servers.map((server) => server.pid)).toEqual([undefined, undefined]);
  });

  it('fails with the log of the server if it does not start', async () => {
    await expect(NatsTestCluster.start(2, { config: 'no_such_option: true' })).rejects.toThrow(
      /no_such_option/,
    );
  });

  it.each([0, 1, 2.5])('rejects a size of %d', (size) => {
    return expect(NatsTestCluster.start(size)).rejects.toThrow(InvalidArgumentError);
  });

  it.each<[string, NatsTestClusterOptions, RegExp]>([
    ['an unknown option', { leafNodes: true } as object, /leafNodes/],
    ['a server that does not exist', { stopped: [3] }, /no server 3/],
    ['too few servers', { stopped: [0, 1] }, /1 of 3 servers cannot elect a leader/],
  ])('rejects options: %s', async (_, options, message) => {
    await expect(NatsTestCluster.start(3, options)).rejects.toThrow(InvalidArgumentError);
    await expect(NatsTestCluster.start(3, options)).rejects.toThrow(message);
  });

  it.each(['2.15', '2.10'])('can be without a server %s at first, which joins later', async (version) => {
    await using cluster = await NatsTestCluster.start(3, { version, stopped: [2] });
    expect(cluster.servers.map(({ pid }) => pid === undefined)).toEqual([false, false, true]);
    const connection = await connect({ servers: cluster.urls });
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: 'TWO', subjects: ['two'], num_replicas: 2 });
    await cluster.servers[2]?.restart();
    await cluster.ready();
    await streams.add({ name: 'THREE', subjects: ['three'], num_replicas: 3 });
    await connection.close();
  });

  it('is ready without a server that was shut down, and again with it', async () => {
    await using cluster = await NatsTestCluster.start(3);
    const [first, second] = cluster.servers;
    const connection = await connect({ servers: second?.url ?? '', ignoreClusterUpdates: true });
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 });
    await first?.shutdown();
    expect(first?.pid).toBeUndefined();
    await cluster.ready();
    await jetstream(connection).publish('orders', 'one');
    await first?.restart();
    await cluster.ready();
    const info = await streams.info('ORDERS');
    expect(info.cluster?.replicas?.map(({ offline }) => offline ?? false)).toEqual([false, false]);
    await connection.close();
  });
});
