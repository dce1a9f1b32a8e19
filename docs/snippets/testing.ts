import { Test } from '@nestjs/testing';
import { JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
// #region imports
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestCluster, NatsTestServer } from 'nestjs-nats-jetstream/testing';
// #endregion
import { describe, expect, it } from 'vitest';

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
      config: {
        max_payload: 65_536,
        authorization: { users: [{ user: 'sue', password: 'secret' }] },
      },
    });
    // #endregion
    const connection = await connect({ servers: server.url, user: 'sue', pass: 'secret' });
    expect(connection.info).toMatchObject({ version: server.version, max_payload: 65_536 });
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
});
