import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';

import { InvalidArgumentError } from '../../lib/errors/index.js';
import { NatsTestCluster, type NatsTestServer } from '../../lib/testing/index.js';
import { eventually } from '../support/eventually.js';

const opened: NatsConnection[] = [];
afterEach(() => Promise.all(opened.splice(0).map((connection) => connection.close())));

/** Connects with exactly this server. */
async function connectTo(server: NatsTestServer | undefined): Promise<NatsConnection> {
  const connection = await connect({
    servers: server?.url ?? '',
    ignoreClusterUpdates: true,
    timeout: 2_000,
  });
  opened.push(connection);
  return connection;
}

async function monitor(server: NatsTestServer | undefined, page: string): Promise<unknown> {
  return (await fetch(`${server?.monitoringUrl}/${page}`)).json();
}

/** The ids of servers. They change when a server is restarted. */
async function idsOf(...servers: (NatsTestServer | undefined)[]): Promise<string[]> {
  const ids = servers.map(
    async (server) => ((await monitor(server, 'varz')) as { server_id: string }).server_id,
  );
  return (await Promise.all(ids)).toSorted();
}

/** The ids of the servers with which a server has routes. */
async function neighborsOf(server: NatsTestServer | undefined): Promise<string[]> {
  const { routes = [] } = (await monitor(server, 'routez')) as { routes?: { remote_id: string }[] };
  return [...new Set(routes.map((route) => route.remote_id))].toSorted();
}

describe('NatsTestCluster.partition', () => {
  it.each(['2.15', '2.9'])(
    'separates a leader of servers %s from the others, which elect another one, until heal',
    async (version) => {
      await using cluster = await NatsTestCluster.start(3, { version, routeProxies: true });
      const anyServer = await connectTo(cluster.servers[0]);
      const manager = await jetstreamManager(anyServer);
      // A request is lost if the servers elect another leader at this moment.
      const created = await eventually(
        () =>
          manager.streams
            .add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 })
            .catch(() => undefined),
        (info) => info !== undefined,
        20_000,
      );
      const alone = cluster.servers.findIndex(({ name }) => name === created?.cluster?.leader);
      const others = [0, 1, 2].filter((index) => index !== alone);
      const [isolated, majority] = [cluster.servers[alone], cluster.servers[others[0] ?? 0]];
      const [lost, connected] = [await connectTo(isolated), await connectTo(majority)];

      cluster.partition([alone], others);
      const { streams } = await jetstreamManager(connected, { checkAPI: false, timeout: 1_000 });
      const leader = await eventually(
        async () => (await streams.info('ORDERS').catch(() => undefined))?.cluster?.leader,
        (name) => name !== undefined && name !== '' && name !== isolated?.name,
        20_000,
      );
      expect(others.map((index) => cluster.servers[index]?.name)).toContain(leader);
      await jetstream(connected, { timeout: 5_000 }).publish('orders', 'from the majority');
      await expect(jetstream(lost, { timeout: 1_000 }).publish('orders', 'lost')).rejects.toThrow();
      // Servers that know other addresses of each other would have connected by now.
      expect(await neighborsOf(isolated)).toEqual([]);
      expect(await neighborsOf(majority)).toEqual(await idsOf(cluster.servers[others[1] ?? 0]));

      cluster.heal();
      await cluster.ready();
      for (const server of cluster.servers) {
        const neighbors = cluster.servers.filter((each) => each !== server);
        expect(await neighborsOf(server)).toEqual(await idsOf(...neighbors));
        const { streams: each } = await jetstreamManager(await connectTo(server));
        const { state, cluster: group } = await each.info('ORDERS');
        expect(state.messages).toBe(1);
        expect(group?.replicas).toHaveLength(2);
      }
      await eventually(
        async () => (await streams.info('ORDERS')).cluster?.replicas,
        (replicas) => replicas?.every(({ current }) => current) === true,
      );
    },
  );

  it('can be replaced by another one, and changes nothing within a group', async () => {
    await using cluster = await NatsTestCluster.start(3, { routeProxies: true });
    const [a, b, c] = cluster.servers;
    cluster.partition([0], [1], [2]);
    for (const server of cluster.servers) {
      await eventually(
        () => neighborsOf(server),
        (ids) => ids.length === 0,
      );
    }
    cluster.partition([0, 1], [2]);
    const onlyB = (await idsOf(b)).join();
    await eventually(
      () => neighborsOf(a),
      (ids) => ids.join() === onlyB,
    );
    expect(await neighborsOf(c)).toEqual([]);
    cluster.partition([0, 1, 2]);
    await cluster.ready();
    expect(await neighborsOf(c)).toEqual(await idsOf(a, b));
  });

  it('keeps a server out that is restarted meanwhile', async () => {
    await using cluster = await NatsTestCluster.start(3, { routeProxies: true });
    cluster.partition([0], [1, 2]);
    await cluster.servers[0]?.restart();
    await cluster.servers[1]?.restart();
    await eventually(
      () => neighborsOf(cluster.servers[1]),
      (ids) => ids.length === 1,
    );
    expect(await neighborsOf(cluster.servers[0])).toEqual([]);
    cluster.heal();
    await cluster.ready();
    expect(await neighborsOf(cluster.servers[0])).toHaveLength(2);
  });

  it('rejects groups that do not contain each server once, and clusters without route proxies', async () => {
    await using cluster = await NatsTestCluster.start(2, { routeProxies: true });
    expect(() => cluster.partition([0])).toThrow(InvalidArgumentError);
    expect(() => cluster.partition([0])).toThrow(/server 1 is in no group/);
    expect(() => cluster.partition([0], [0, 1])).toThrow(/server 0 is listed twice/);
    expect(() => cluster.partition([0], [2])).toThrow(/no server 2/);
    expect(() => cluster.partition(0 as never)).toThrow(/0 is not a list/);
    expect(await neighborsOf(cluster.servers[0])).toHaveLength(1);
    await using direct = await NatsTestCluster.start(2);
    expect(() => direct.partition([0], [1])).toThrow(/routeProxies: true/);
    direct.heal();
  });
});
