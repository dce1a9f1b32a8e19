import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';

import { InvalidArgumentError } from '../../lib/errors/index.js';
import {
  NatsTestCluster,
  NatsTestServer,
  type NatsTestConnectionOptions,
  type NatsTestServerOptions,
} from '../../lib/testing/index.js';
import { eventually } from '../support/eventually.js';

const opened: NatsConnection[] = [];
afterEach(() => Promise.all(opened.splice(0).map((connection) => connection.close())));

async function open(options: NatsTestConnectionOptions): Promise<NatsConnection> {
  const connection = await connect(options);
  opened.push(connection);
  return connection;
}

/** The errors of permissions that a connection reports. */
function refusalsOf(connection: NatsConnection): string[] {
  const refusals: string[] = [];
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'error') refusals.push(status.error.message);
    }
  })();
  return refusals;
}

describe('users', () => {
  it('have to authenticate, with passwords that only connectionFor needs to know', async () => {
    await using server = await NatsTestServer.start({
      users: [{ user: 'sue' }, { user: 'tom', password: 'a "quoted" $word' }],
    });
    await expect(connect({ servers: server.url })).rejects.toThrow(/authorization/i);
    const { pass } = server.connectionFor('sue');
    expect(pass).toMatch(/^[\da-f]{24}$/);
    expect(server.connectionFor('tom')).toEqual({
      servers: server.url,
      user: 'tom',
      pass: 'a "quoted" $word',
    });
    for (const user of ['sue', 'tom']) {
      const connection = await open(server.connectionFor(user));
      expect(await (await jetstreamManager(connection)).getAccountInfo()).toMatchObject({ streams: 0 });
    }
    await server.restart();
    await open(server.connectionFor('sue'));
  });

  it('have permissions', async () => {
    await using server = await NatsTestServer.start({
      users: [
        { user: 'all' },
        {
          user: 'some',
          permissions: {
            publish: { allow: ['a.>', 'b'], deny: 'a.secret' },
            subscribe: 'a.*',
            allowResponses: true,
          },
        },
      ],
    });
    const [all, some] = [await open(server.connectionFor('all')), await open(server.connectionFor('some'))];
    const refusals = refusalsOf(some);
    const received: string[] = [];
    all.subscribe('>', { callback: (_, { subject }) => void received.push(subject) });
    await all.flush();
    for (const subject of ['a.x', 'a.secret', 'b', 'c']) some.publish(subject);
    some.subscribe('d', { callback: () => undefined });
    some.subscribe('a.requests', { callback: (_, message) => void message.respond('answer') });
    await some.flush();
    const answer = await all.request('a.requests');
    expect(answer.string()).toBe('answer');
    expect(received.slice(0, 2)).toEqual(['a.x', 'b']);
    await eventually(
      () => refusals.length,
      (count) => count >= 3,
    );
    expect(refusals.toSorted()).toEqual([
      expect.stringMatching(/publish.*a\.secret/i),
      expect.stringMatching(/publish.*"c"/i),
      expect.stringMatching(/subscription.*"d"/i),
    ]);
  });

  it('with noAuthUser: clients without credentials have its permissions', async () => {
    await using server = await NatsTestServer.start({
      users: [{ user: 'guest', permissions: { publish: { deny: '>' } } }, { user: 'owner' }],
      noAuthUser: 'guest',
    });
    expect(server.connectionFor()).toEqual({ servers: server.url });
    const guest = await open(server.connectionFor());
    const refusals = refusalsOf(guest);
    guest.publish('a');
    await eventually(
      () => refusals,
      (list) => list.length === 1,
    );
    await open(server.connectionFor('owner'));
  });
});

describe('accounts', () => {
  it('are separate, with JetStream in each, and exchange what they export and import', async () => {
    await using server = await NatsTestServer.start({
      accounts: {
        SHOP: {
          users: [{ user: 'shop' }],
          exports: [{ stream: 'public.>' }],
          jetstream: { maxStorage: 1_000_000, maxMemory: 2_000, maxStreams: 1, maxConsumers: 2 },
        },
        GUEST: {
          users: [{ user: 'guest' }],
          imports: [{ stream: { account: 'SHOP', subject: 'public.>' } }],
          jetstream: false,
          limits: { maxConnections: 1, maxPayload: 10, maxSubscriptions: 5, maxLeafNodes: 0 },
        },
        OTHER: { users: [{ user: 'other' }] },
        $SYS: { users: [{ user: 'system' }] },
      },
      users: [{ user: 'global' }],
    });
    const shop = await open(server.connectionFor('shop'));
    const guest = await open(server.connectionFor('guest'));
    const received: string[] = [];
    guest.subscribe('>', { callback: (_, { subject }) => void received.push(subject) });
    await guest.flush();
    shop.publish('public.news');
    shop.publish('private');
    await shop.flush();
    await guest.flush();
    expect(received).toEqual(['public.news']);

    const manager = await jetstreamManager(shop);
    expect((await manager.getAccountInfo()).limits).toMatchObject({
      max_storage: 1_000_000,
      max_memory: 2_000,
      max_streams: 1,
      max_consumers: 2,
    });
    await manager.streams.add({ name: 'ORDERS', subjects: ['orders'] });
    const other = await open(server.connectionFor('other'));
    expect(await (await jetstreamManager(other)).getAccountInfo()).toMatchObject({ streams: 0 });
    await expect(jetstreamManager(guest)).rejects.toThrow();
    expect(guest.info?.max_payload).toBe(10);
    // The server closes a second connection, which the client notices as its error or as the end of the link.
    await expect(connect({ ...server.connectionFor('guest'), reconnect: false })).rejects.toThrow();

    const system = await open(server.connectionFor('system'));
    const ping = await system.request('$SYS.REQ.SERVER.PING');
    expect(ping.json()).toMatchObject({ server: { name: server.name } });
    // JetStream of the global account is off as soon as there are other accounts.
    const global = await open(server.connectionFor('global'));
    await expect(jetstreamManager(global)).rejects.toThrow(/not enabled/);
  });

  it('are shared by the servers of a cluster', async () => {
    await using cluster = await NatsTestCluster.start(3, {
      accounts: {
        SHOP: { users: [{ user: 'shop' }] },
        GUEST: { users: [{ user: 'guest' }], jetstream: false },
      },
      tls: true,
    });
    expect(cluster.connectionFor('shop')).toMatchObject({ servers: cluster.urls, user: 'shop' });
    const connection = await open(cluster.connectionFor('shop'));
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 });
    for (const server of cluster.servers) {
      const each = await open(server.connectionFor('shop'));
      expect(each.info?.tls_required).toBe(true);
      // The servers learn of the stream one after the other.
      await eventually(
        () =>
          jetstream(each)
            .publish('orders', server.name, { msgID: server.name })
            .catch(() => undefined),
        (ack) => ack !== undefined,
      );
    }
    expect((await manager.streams.info('ORDERS')).state.messages).toBe(3);
  });
});

it('a user that does not exist, or is missing, is refused with the names of the users', async () => {
  await using server = await NatsTestServer.start({ users: [{ user: 'sue' }, { user: 'tom' }] });
  expect(() => server.connectionFor('bob')).toThrow(
    new InvalidArgumentError('user', 'there is no user "bob". The users are sue, tom'),
  );
  expect(() => server.connectionFor()).toThrow(/clients need a user\. The users are sue, tom/);
  await using plain = await NatsTestServer.start();
  expect(() => plain.connectionFor('sue')).toThrow(/started without users/);
  expect(plain.connectionFor()).toEqual({ servers: plain.url });
});

it.each<[string, unknown, RegExp]>([
  ['no object', 7, /7 is not an object/],
  ['an unknown option', { user: [] }, /no option "user"; did you mean "users"/],
  ['a wrong version', { version: 'latest' }, /version.*2\.10/],
  ['a user without a name', { users: [{}] }, /users\[0\]\.user/],
  [
    'an unknown option of a user',
    { users: [{ user: 'a', pass: 'b' }] },
    /"users\[0\]\.pass"; did you mean "password"/,
  ],
  [
    'two users of one name',
    { users: [{ user: 'a' }], accounts: { A: { users: [{ user: 'a' }] } } },
    /two users have the name "a"/,
  ],
  [
    'a number as a permission',
    { users: [{ user: 'a', permissions: { publish: [7] } }] },
    /permissions\.publish/,
  ],
  [
    'an unknown kind of permission',
    { users: [{ user: 'a', permissions: { publish: { forbid: 'a' } } }] },
    /forbid/,
  ],
  [
    'a wrong limit',
    { accounts: { A: { jetstream: { maxStreams: -1 } } } },
    /accounts\.A\.jetstream\.maxStreams/,
  ],
  ['an unknown limit', { accounts: { A: { limits: { connections: 1 } } } }, /connections/],
  ['an export that is text', { accounts: { A: { exports: ['a'] } } }, /accounts\.A\.exports\[0\]/],
  [
    'a noAuthUser that does not exist',
    { users: [{ user: 'a' }], noAuthUser: 'b' },
    /noAuthUser.*no user "b".*users are a/,
  ],
  ['tls that is text', { tls: 'yes' }, /tls/],
  ['an unknown option of tls', { tls: { verfy: true } }, /verfy.*verify/],
  ['a host that is a URL', { tls: { hosts: ['nats://a'] } }, /tls\.hosts\[0\]/],
  ['no hosts', { tls: { hosts: [] } }, /tls\.hosts/],
  ['a domain with a dot', { domain: 'a.b' }, /domain/],
  ['a domain without JetStream', { domain: 'a', jetstream: false }, /domain.*jetstream: false/],
  ['a port that does not exist', { port: 65_536 }, /port/],
  [
    'users in two places',
    { users: [{ user: 'a' }], config: { authorization: {} } },
    /config\.authorization.*only one/,
  ],
  ['a server name', { config: { server_name: 'a' } }, /config\.server_name/],
])('rejects options: %s', async (_, options, message) => {
  const starting = NatsTestServer.start(options as NatsTestServerOptions);
  await expect(starting).rejects.toThrow(InvalidArgumentError);
  await expect(starting).rejects.toThrow(message);
});
