import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';

import { InvalidArgumentError } from '../../lib/errors/index.js';
import {
  NatsServerStartError,
  NatsTestServer,
  type NatsTestRestartOptions,
  type NatsTestServerOptions,
} from '../../lib/testing/index.js';

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

async function start(options?: NatsTestServerOptions): Promise<NatsTestServer> {
  const server = await NatsTestServer.start(options);
  cleanUps.push(() => server.stop());
  return server;
}

async function connectTo(server: NatsTestServer): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url, reconnectTimeWait: 20 });
  cleanUps.push(() => connection.close());
  return connection;
}

/** Creates a stream on disk and publishes a message to it. */
async function store(server: NatsTestServer): Promise<void> {
  const connection = await connectTo(server);
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders'] });
  await jetstream(connection).publish('orders', 'one');
}

async function storedMessages(server: NatsTestServer): Promise<number> {
  const manager = await jetstreamManager(await connectTo(server));
  return (await manager.streams.info('ORDERS')).state.messages;
}

function isRunning(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('NatsTestServer.start', () => {
  it('returns a server that answers JetStream requests at once', async () => {
    const server = await start();
    expect(server.url).toBe(`nats://127.0.0.1:${server.port}`);
    const connection = await connectTo(server);
    expect(connection.info?.version).toBe(server.version);
    const manager = await jetstreamManager(connection);
    expect(await manager.getAccountInfo()).toMatchObject({ streams: 0 });
  });

  it('starts without JetStream with jetstream: false', async () => {
    const connection = await connectTo(await start({ jetstream: false }));
    expect(connection.info?.jetstream).toBeFalsy();
  });

  it('assigns ports and stores to many servers that start at once', async () => {
    const servers = await Promise.all(Array.from({ length: 12 }, () => start()));
    expect(new Set(servers.map((server) => server.port)).size).toBe(12);
    expect(new Set(servers.map((server) => server.storeDir)).size).toBe(12);
    const names = await Promise.all(
      servers.map(async (server) => (await connectTo(server)).info?.server_name),
    );
    expect(new Set(names).size).toBe(12);
  });

  it.each(['2.15', '2.10', '2.9'])('starts a server %s on request', async (version) => {
    const server = await start({ version });
    expect(server.version).toMatch(new RegExp(`^${version.replace('.', '\\.')}\\.\\d+$`));
    await store(server);
    await server.restart();
    expect(await storedMessages(server)).toBe(1);
  });

  it('rejects an invalid version', async () => {
    await expect(start({ version: 'latest' })).rejects.toThrow(/"latest" is not a version/);
  });

  it('continues as a newer version over the same store, and keeps it in later restarts', async () => {
    const server = await start({ version: '2.10' });
    await store(server);
    await server.restart({ version: '2.15' });
    expect([server.version.slice(0, 5), await storedMessages(server)]).toEqual(['2.15.', 1]);
    await server.restart();
    expect(server.version).toMatch(/^2\.15\./);
    const wrong = { verison: '2.15' } as NatsTestRestartOptions;
    await expect(server.restart(wrong)).rejects.toThrow(InvalidArgumentError);
  });

  it('accepts configuration as text', async () => {
    const connection = await connectTo(await start({ config: 'max_payload: 2048' }));
    expect(connection.info?.max_payload).toBe(2048);
  });

  it('accepts configuration as an object, with JetStream still enabled', async () => {
    const server = await start({
      config: {
        jetstream: { max_memory_store: 1_000_000 },
        authorization: { users: [{ user: 'sue', password: 'a "quoted" $word' }] },
      },
    });
    await expect(connect({ servers: server.url })).rejects.toThrow(/authorization/i);
    const connection = await connect({ servers: server.url, user: 'sue', pass: 'a "quoted" $word' });
    cleanUps.push(() => connection.close());
    const manager = await jetstreamManager(connection);
    const tooBig = { name: 'TOO_BIG', subjects: ['a'], storage: StorageType.Memory, max_bytes: 2_000_000 };
    await expect(manager.streams.add(tooBig)).rejects.toThrow(/insufficient memory/);
  });

  it.each(['port', 'http_port', 'Server_Name', 'listen'])('refuses %s in configuration', async (name) => {
    await expect(start({ config: { [name]: 4333 } })).rejects.toThrow(
      `Invalid config.${name}: the test server sets`,
    );
  });

  it('reports the end of the log if the server does not start', async () => {
    const failure = start({ config: 'no_such_option: true' });
    await expect(failure).rejects.toThrow(NatsServerStartError);
    await expect(failure).rejects.toThrow(/no_such_option/);
  });

  it('uses the given port, and fails if another server uses it', async () => {
    const first = await start();
    await first.stop();
    const second = await start({ port: first.port });
    expect(second.port).toBe(first.port);
    await expect(start({ port: first.port })).rejects.toThrow(/address already in use/);
  });
});

describe('NatsTestServer.stop', () => {
  it('ends the process and removes the store', async () => {
    const server = await start();
    await store(server);
    const { pid, storeDir } = server;
    expect([isRunning(pid), existsSync(storeDir)]).toEqual([true, true]);
    await server.stop();
    expect([isRunning(pid), existsSync(storeDir)]).toEqual([false, false]);
    expect(server.pid).toBeUndefined();
    await server.stop();
    await expect(server.restart()).rejects.toThrow(/was stopped/);
    expect(() => server.pause()).toThrow(/is not running/);
  });

  it('refuses other calls afterwards', async () => {
    const server = await NatsTestServer.start({ leafNodes: true });
    await server.stop();
    for (const act of [
      () => server.log(),
      () => server.restart(),
      () => server.proxy(),
      () => server.startLeaf(),
    ])
      await expect(act()).rejects.toThrow('This NatsTestServer was stopped');
  });

  it('keeps a given store', async () => {
    const storeDir = await mkdtemp(join(tmpdir(), 'store-'));
    cleanUps.push(() => rm(storeDir, { recursive: true }));
    const first = await start({ storeDir });
    await store(first);
    await first.stop();
    expect(await storedMessages(await start({ storeDir }))).toBe(1);
  });

  it('ends a paused server', async () => {
    const server = await start();
    const { pid } = server;
    server.pause();
    await server.stop();
    expect(isRunning(pid)).toBe(false);
  });

  it('is called at the end of an await using block', async () => {
    let pid: number | undefined;
    {
      await using server = await NatsTestServer.start();
      pid = server.pid;
      expect(isRunning(pid)).toBe(true);
    }
    expect(isRunning(pid)).toBe(false);
  });
});

describe('NatsTestServer.restart', () => {
  it('keeps port and store, and clients reconnect automatically', async () => {
    const server = await start();
    const { pid, port } = server;
    await store(server);
    const connection = await connectTo(server);
    const reconnected = waitForStatus(connection, 'reconnect');
    await server.restart();
    await reconnected;
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await storedMessages(server)).toBe(1);
    expect((await server.log()).match(/Server is ready/g)).toHaveLength(2);
  });

  it('starts a server again that was shut down', async () => {
    const server = await start();
    await store(server);
    const { pid } = server;
    await server.shutdown();
    await server.shutdown();
    expect([server.pid, isRunning(pid), existsSync(server.storeDir)]).toEqual([undefined, false, true]);
    await server.restart();
    expect(await storedMessages(server)).toBe(1);
    expect(await server.log()).toMatch(/Initiating Shutdown/);
  });

  it('runs one command after another, however they are called', async () => {
    const server = await start();
    await store(server);
    await Promise.all([server.restart(), server.restart(), server.restart()]);
    expect(isRunning(server.pid)).toBe(true);
    expect(await storedMessages(server)).toBe(1);
    const { pid } = server;
    await Promise.all([server.restart(), server.kill()]);
    expect([server.pid, isRunning(pid)]).toEqual([undefined, false]);
    const ended = await Promise.allSettled([server.restart(), server.stop(), server.restart()]);
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect([server.pid, existsSync(server.storeDir)]).toEqual([undefined, false]);
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/refused/i);
  });

  it.each<[string, NatsTestRestartOptions, RegExp]>([
    ['an unknown option', { verson: '2.10' } as object, /did you mean "version"/],
    ['an invalid version', { version: 'newest' }, /"newest" is not a version/],
  ])('refuses %s at once', async (_what, options, problem) => {
    const server = await start();
    const { pid } = server;
    await expect(server.restart(options)).rejects.toThrow(problem);
    expect(server.pid).toBe(pid);
  });

  it('restores the store of a killed server', async () => {
    const server = await start();
    await store(server);
    await server.kill();
    expect(server.pid).toBeUndefined();
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/refused/i);
    await server.restart();
    expect(await storedMessages(server)).toBe(1);
  });
});

describe('NatsTestServer.pause', () => {
  it('leaves requests without an answer until resume', async () => {
    const server = await start();
    const connection = await connectTo(server);
    connection.subscribe('greet', { callback: (_, message) => void message.respond('hello') });
    await connection.flush();

    server.pause();
    await expect(connection.request('greet', 'late', { timeout: 100 })).rejects.toThrow(/timeout/);
    const answer = connection.request('greet', 'patient', { timeout: 5_000 });
    server.resume();
    expect((await answer).string()).toBe('hello');
  });
});

async function waitForStatus(connection: NatsConnection, type: string): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === type) {
      return;
    }
  }
}
