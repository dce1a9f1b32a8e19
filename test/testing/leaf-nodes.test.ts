import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';

import { InvalidArgumentError } from '../../lib/errors/index.js';
import { NatsTestServer, type NatsTestConnectionOptions } from '../../lib/testing/index.js';

const opened: NatsConnection[] = [];
afterEach(() => Promise.all(opened.splice(0).map((connection) => connection.close())));

async function open(options: NatsTestConnectionOptions): Promise<NatsConnection> {
  const connection = await connect(options);
  opened.push(connection);
  return connection;
}

async function namesOf(manager: JetStreamManager): Promise<string[]> {
  const names: string[] = [];
  for await (const name of manager.streams.names()) names.push(name);
  return names;
}

describe('NatsTestServer.startLeaf', () => {
  it.each(['2.15', '2.10', '2.9'])('connects two domains of servers %s at once', async (version) => {
    await using hub = await NatsTestServer.start({ version, domain: 'hub', leafNodes: true });
    await using edge = await hub.startLeaf({ version, domain: 'edge' });
    const connection = await open(edge.connectionFor());
    const [near, far] = [
      await jetstreamManager(connection),
      await jetstreamManager(connection, { domain: 'hub' }),
    ];
    await far.streams.add({ name: 'ORDERS', subjects: ['orders'] });
    await near.streams.add({ name: 'READINGS', subjects: ['readings'] });
    await jetstream(connection).publish('readings', 'one');
    expect(await namesOf(far)).toEqual(['ORDERS']);
    expect(await namesOf(near)).toEqual(['READINGS']);

    await hub.restart();
    await edge.restart();
    const again = await open(edge.connectionFor());
    expect(await namesOf(await jetstreamManager(again))).toEqual(['READINGS']);
  });

  it('connects an account of the leaf node with the account of a user of the hub', async () => {
    await using hub = await NatsTestServer.start({
      leafNodes: true,
      accounts: { A: { users: [{ user: 'a' }] }, B: { users: [{ user: 'b', password: 'p@:/ß' }] } },
    });
    await using leaf = await hub.startLeaf({
      hubUser: 'b',
      account: 'LOCAL',
      accounts: { LOCAL: { users: [{ user: 'local' }] } },
      domain: 'leaf',
    });
    const [a, b] = [await open(hub.connectionFor('a')), await open(hub.connectionFor('b'))];
    const received: string[] = [];
    for (const connection of [a, b]) {
      connection.subscribe('news', {
        callback: (_, message) => void message.respond(connection === a ? 'A' : 'B'),
      });
      await connection.flush();
    }
    const local = await open(leaf.connectionFor('local'));
    received.push((await local.request('news', '', { timeout: 5_000 })).string());
    expect(received).toEqual(['B']);
  });

  it('can be a hub itself', async () => {
    await using hub = await NatsTestServer.start({ leafNodes: true });
    await using middle = await hub.startLeaf({ leafNodes: true, domain: 'middle' });
    await using end = await middle.startLeaf({ domain: 'end', config: { leafnodes: { reconnect: 1 } } });
    expect(end.url).not.toBe(middle.url);
  });

  it('refuses a hub that accepts no leaf nodes, and users that it does not have', async () => {
    await using server = await NatsTestServer.start();
    await expect(server.startLeaf()).rejects.toThrow(InvalidArgumentError);
    await expect(server.startLeaf()).rejects.toThrow(/leafNodes: true/);
    await using hub = await NatsTestServer.start({ leafNodes: true, users: [{ user: 'a' }] });
    await expect(hub.startLeaf()).rejects.toThrow(/need a user\. The users are a/);
    await expect(hub.startLeaf({ hubUser: 'b' })).rejects.toThrow(/no user "b"/);
    await expect(hub.startLeaf({ hubuser: 'b' } as object)).rejects.toThrow(/did you mean "hubUser"/);
  });
});

describe('a domain', () => {
  it('is part of JetStream, also with more configuration of it', async () => {
    await using server = await NatsTestServer.start({
      domain: 'edge',
      config: { jetstream: { max_memory_store: 1_000_000 } },
    });
    const connection = await open(server.connectionFor());
    const manager = await jetstreamManager(connection, { domain: 'edge' });
    expect(await manager.getAccountInfo()).toMatchObject({ domain: 'edge' });
    await expect(
      manager.streams.add({ name: 'S', subjects: ['s'], storage: 'memory', max_bytes: 2_000_000 }),
    ).rejects.toThrow(/insufficient memory/);
  });

  it('must not be replaced by configuration as text', async () => {
    const starting = NatsTestServer.start({
      domain: 'edge',
      config: 'jetstream { max_memory_store: 1000000 }',
    });
    await expect(starting).rejects.toThrow(/domain is not set instead of edge/);
  });
});
