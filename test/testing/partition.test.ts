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

interface Routes {
  readonly routes?: readonly { readonly remote_name: string; readonly ip: string; readonly port: number }[];
}

/** The names of the servers with which a server has routes. */
async function neighborsOf(server: NatsTestServer | undefined): Promise<string[]> {
  const response = await fetch(`${server?.monitoringUrl}/routez`);
  const { routes = [] } = (await response.json()) as Routes;
  return [...new Set(routes.map((route) => route.remote_name))].toSorted();
}

describe('NatsTestCluster.partition', () => {
  it.each(['2.15', '2.10', '2.9'])(
    'separates a leader of servers %s from the others, which elect another one, until heal',
    async (version) => {
      await using cluster = await NatsTestCluster.start(3, { version, routeProxies: true });
      const anyServer = await connectTo(cluster.servers[0]);
      const manager = await jetstreamManager(anyServer);
      const created = await manager.streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 });
      const alone = cluster.servers.findIndex(({ name }) => name === created.cluster?.leader);
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
      expect(await neighborsOf(majority)).toEqual([cluster.servers[others[1] ?? 0]?.name]);

      cluster.heal();
      await cluster.ready();
      const names = cluster.servers.map(({ name }) => name);
      for (const server of cluster.servers) {
        expect(await neighborsOf(server)).toEqual(names.filter((name) => name !== server.name).toSorted());
        const { streams: each } = await jetstreamManager(await connectTo(server));
        const { state, cluster: group } = await each.info('ORDERS');
        expect(state.messages).toBe(1);
        expect(group?.replicas).toHaveLength(2);
      }
      const { replicas } = (await streams.info('ORDERS')).cluster ?? {};
      expect(replicas?.every(({ current }) => current)).toBe(true);
    },
  );

  it('can be replaced by another one, and changes nothing within a group', async () => {
    await using cluster = await NatsTestCluster.start(3, { routeProxies: true });
    const [a, b, c] = cluster.servers;
    cluster.partition([0], [1], [2]);
    for (const server of cluster.servers) {
      await eventually(
        () => neighborsOf(server),
        (names) => names.length === 0,
      );
    }
    cluster.partition([0, 1], [2]);
    await eventually(
      () => neighborsOf(a),
      (names) => names.join() === b?.name,
    );
    expect(await neighborsOf(c)).toEqual([]);
    cluster.partition([0, 1, 2]);
    await cluster.ready();
    expect(await neighborsOf(c)).toEqual([a?.name, b?.name].toSorted());
  });

  it('keeps a server out that is restarted meanwhile', async () => {
    await using cluster = await NatsTestCluster.start(3, { routeProxies: true });
    cluster.partition([0], [1, 2]);
    await cluster.servers[0]?.restart();
    await cluster.servers[1]?.restart();
    await eventually(
      () => neighborsOf(cluster.servers[1]),
      (names) => names.length === 1,
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
