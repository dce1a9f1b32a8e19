import { Test } from '@nestjs/testing';
import { JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
// #region imports
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestCluster, NatsTestServer } from 'nestjs-nats-jetstream/testing';
// #endregion
import { describe, expect, it, vi } from 'vitest';

describe('The testing guide', () => {
  it('starts a server for one block', async () => {
    // #region using
    await using server = await NatsTestServer.start();
    const connection = await connect({ servers: server.url });
    // #endregion
    expect(connection.info?.version).toBe(server.version);
    await connection.close();
  });

  it('starts a server of a version and a configuration', async () => {
    // #region options
    await using server = await NatsTestServer.start({
      version: '2.10',
      config: { max_payload: 65_536 },
    });
    // #endregion
    const connection = await connect({ servers: server.url });
    expect(connection.info).toMatchObject({ version: server.version, max_payload: 65_536 });
    await connection.close();
  });

  it('starts a server with users', async () => {
    // #region users
    await using server = await NatsTestServer.start({
      users: [
        { user: 'owner' },
        { user: 'reader', permissions: { publish: '$JS.API.>', subscribe: ['_INBOX.>', 'orders.>'] } },
      ],
    });
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: server.connectionFor('owner') })],
    }).compile();
    const reader = await connect(server.connectionFor('reader'));
    // #endregion
    await app.get(JetStreamService).createStream({ name: 'ORDERS', subjects: ['orders.>'] });
    await expect(reader.request('orders.created')).rejects.toThrow(/permission/i);
    await reader.close();
    await app.close();
  });

  it('starts a server with accounts', async () => {
    // #region accounts
    await using server = await NatsTestServer.start({
      accounts: {
        SHOP: {
          users: [{ user: 'shop' }],
          jetstream: { maxStorage: 1_000_000, maxStreams: 10 },
          exports: [{ stream: 'public.>' }],
        },
        PARTNER: {
          users: [{ user: 'partner' }],
          jetstream: false,
          imports: [{ stream: { account: 'SHOP', subject: 'public.>' } }],
        },
      },
    });
    // #endregion
    const [shop, partner] = [
      await connect(server.connectionFor('shop')),
      await connect(server.connectionFor('partner')),
    ];
    const news = partner.subscribe('public.news', { max: 1 });
    await partner.flush();
    shop.publish('public.news', 'new');
    for await (const message of news) expect(message.string()).toBe('new');
    await shop.close();
    await partner.close();
  });

  it('starts a server with TLS', async () => {
    // #region tls
    await using server = await NatsTestServer.start({ tls: { verify: true } });
    const connection = await connect(server.connectionFor());
    // #endregion
    expect(connection.info?.tls_verify).toBe(true);
    await connection.close();
  });

  it('starts a leaf node', async () => {
    // #region leaf
    await using hub = await NatsTestServer.start({ domain: 'hub', leafNodes: true });
    await using edge = await hub.startLeaf({ domain: 'edge' });
    // The application at the edge uses the streams of the hub.
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: edge.connectionFor(), jetstream: { domain: 'hub' } })],
    }).compile();
    // #endregion
    await app.get(JetStreamService).createStream({ name: 'ORDERS', subjects: ['orders.>'] });
    const connection = await connect(hub.connectionFor());
    const info = await connection.request('$JS.API.STREAM.INFO.ORDERS');
    expect(info.json()).toMatchObject({ config: { name: 'ORDERS' }, domain: 'hub' });
    await connection.close();
    await app.close();
  });

  it('disturbs the network', async () => {
    await using server = await NatsTestServer.start();
    // #region proxy
    const proxy = await server.proxy();
    const connection = await connect({ servers: proxy.url, reconnectTimeWait: 50 });

    proxy.latency(20); // a round trip takes 40 ms longer
    proxy.halfOpen(); // the link stays open, and nothing arrives
    proxy.heal(); // ends all disturbances

    proxy.cut(); // the link breaks, and the client connects again
    // #endregion
    await vi.waitFor(() => connection.flush());
    expect(proxy.connections).toBe(1);
    await connection.close();
  });

  it('makes a server fail', async () => {
    await using server = await NatsTestServer.start();
    // #region faults
    await server.restart(); // shuts down and comes back: same port, same store

    await server.kill(); // is gone at once, as after a crash
    await server.restart(); // finds its store as the crash left it

    server.pause(); // connections stay open, nothing answers
    server.resume(); // goes on as if nothing had been
    // #endregion
    const connection = await connect({ servers: server.url });
    await connection.close();
    expect((await server.log()).match(/Server is ready/g)).toHaveLength(3);
  });

  it('starts a cluster', async () => {
    // #region cluster
    await using cluster = await NatsTestCluster.start(3);
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: { servers: cluster.urls } })],
    }).compile();
    const jetstream = app.get(JetStreamService);
    const stream = await jetstream.createStream({ name: 'ORDERS', subjects: ['orders.>'], replicas: 3 });

    const { cluster: group } = await stream.info();
    const leader = cluster.servers.find((server) => server.name === group?.leader);
    await leader?.kill(); // the two others elect a new one
    await leader?.restart();
    await cluster.ready(); // until then the stream may have no leader
    // #endregion
    expect(leader).toBeDefined();
    expect((await stream.info()).cluster?.replicas).toHaveLength(2);
    await app.close();
  });

  it('starts a cluster with a partition', async () => {
    // #region partition
    await using cluster = await NatsTestCluster.start(3, { routeProxies: true });
    cluster.partition([0], [1, 2]); // the first server is alone
    cluster.heal();
    await cluster.ready();
    // #endregion
    expect(cluster.urls).toHaveLength(3);
  });

  it('starts a cluster without one of its servers', async () => {
    // #region stopped
    await using cluster = await NatsTestCluster.start(3, { stopped: [2] });
    await cluster.servers[2]?.restart(); // joins
    await cluster.ready();
    await cluster.servers[0]?.shutdown(); // leaves; restart() brings it back
    // #endregion
    await cluster.ready();
    expect(cluster.servers.map(({ pid }) => pid === undefined)).toEqual([true, false, false]);
  });
});
