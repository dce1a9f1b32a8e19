import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { NatsTestServer } from '../nats-test-server.js';
import { toConfigText } from '../server-config.js';
import { processWide } from './process-wide.js';
import { realSleep } from './real-timers.js';

/** How many accounts a server has at first, and how many are added when all are in use. */
const POOL = 8;
/** How long a server may take to load its changed configuration, in milliseconds. */
const RELOAD_TIMEOUT = 5_000;
const RELOAD_POLL = 5;
/** How long an answer of the JetStream API may take, in milliseconds. */
const API_TIMEOUT = 5_000;

/** The server and the accounts of this process, as plain data: see {@link processWide}. */
interface Pool {
  readonly folder: string;
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly version: string;
  readonly password: string;
  /** How many accounts the configuration has. */
  size: number;
  /** The numbers of the accounts that no kit uses. */
  readonly free: number[];
  /** The last change of the configuration; changes are made one after another. */
  growing: Promise<void>;
}

interface Pools {
  /** By the version that was asked for. A pool is created once, even if several kits ask for it at the same time. */
  readonly byVersion: Map<string, Promise<Pool>>;
}

/** An account of the shared server, with JetStream, which one kit uses. */
export class TestAccount {
  private constructor(
    private readonly pool: Pool,
    private readonly number: number,
  ) {}

  /**
   * Takes an account from the pool of this process. The first call starts the server, which ends with the process.
   *
   * @param version the version of the server, as for {@link NatsTestServer.start}
   * @throws the errors of {@link NatsTestServer.start}
   */
  static async take(version: string | undefined): Promise<TestAccount> {
    const pool = await poolOf(version);
    let number = pool.free.shift();
    while (number === undefined) {
      pool.growing = pool.growing.then(() => (pool.free.length === 0 ? grow(pool) : undefined));
      await pool.growing;
      number = pool.free.shift();
    }
    const account = new TestAccount(pool, number);
    // A kit that was not closed, because its test timed out, may have left streams behind.
    await account.empty();
    return account;
  }

  /** The options of a connection to this account. */
  get connection(): Pick<NodeConnectionOptions, 'servers' | 'user' | 'pass'> {
    const { url, password } = this.pool;
    return { servers: url, user: userOf(this.number), pass: password };
  }

  /** The version of the server. */
  get serverVersion(): string {
    return this.pool.version;
  }

  /** Deletes all streams of the account, and returns it to the pool. */
  async giveBack(): Promise<void> {
    await this.empty();
    this.pool.free.push(this.number);
  }

  private async empty(): Promise<void> {
    const nc = await connect({ ...this.connection, reconnect: false, name: 'test kit' });
    try {
      for (let names = await streamNames(nc); names.length > 0; names = await streamNames(nc)) {
        await Promise.all(names.map((name) => ask(nc, `STREAM.DELETE.${name}`)));
      }
    } finally {
      await nc.close();
    }
  }
}

async function poolOf(version = ''): Promise<Pool> {
  const { byVersion } = processWide<Pools>('test-accounts', () => ({ byVersion: new Map() }));
  const known = byVersion.get(version);
  if (known !== undefined) {
    const pool = await known.catch(() => undefined);
    if (pool !== undefined && isAlive(pool.pid)) return pool;
    // A test may have ended the server; another kit may have started a new one in the meantime.
    if (byVersion.get(version) === known) byVersion.delete(version);
    return poolOf(version);
  }
  const starting = startPool(version === '' ? undefined : version);
  byVersion.set(version, starting);
  return starting;
}

async function startPool(version: string | undefined): Promise<Pool> {
  const password = randomBytes(12).toString('hex');
  const server = await NatsTestServer.start({ version, config: configOf(POOL, password) });
  return {
    folder: dirname(server.storeDir),
    name: server.name,
    pid: server.pid ?? 0,
    url: server.url,
    version: server.version,
    password,
    size: POOL,
    free: numbers(0, POOL),
    growing: Promise.resolve(),
  };
}

/** Adds accounts to the configuration of the running server. */
async function grow(pool: Pool): Promise<void> {
  const size = pool.size + POOL;
  const text = toConfigText({ server_name: pool.name }) + toConfigText(configOf(size, pool.password));
  await writeFile(join(pool.folder, 'server.conf'), text);
  process.kill(pool.pid, 'SIGHUP');
  await accepted(pool, size - 1);
  pool.free.push(...numbers(pool.size, size));
  pool.size = size;
}

/** Waits until the server accepts the user of an account. */
async function accepted({ url, password }: Pool, number: number): Promise<void> {
  for (const deadline = performance.now() + RELOAD_TIMEOUT; ;) {
    try {
      const options = { servers: url, user: userOf(number), pass: password, reconnect: false };
      return await (await connect(options)).close();
    } catch (cause) {
      if (performance.now() > deadline) {
        throw new Error(
          `The server of the test kits did not load its accounts again within ${RELOAD_TIMEOUT} ms. Close kits that are ` +
            `no longer used: ${number} are open.`,
          { cause },
        );
      }
    }
    await realSleep(RELOAD_POLL);
  }
}

function configOf(size: number, password: string): Readonly<Record<string, unknown>> {
  const accounts = numbers(0, size).map((number) => [
    `KIT_${number}`,
    { jetstream: 'enabled', users: [{ user: userOf(number), password }] },
  ]);
  return { accounts: Object.fromEntries(accounts) as Record<string, unknown> };
}

function userOf(number: number): string {
  return `kit-${number}`;
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function streamNames(nc: NatsConnection): Promise<readonly string[]> {
  const { streams } = await ask<{ readonly streams?: readonly string[] | null }>(nc, 'STREAM.NAMES');
  return streams ?? [];
}

async function ask<Answer>(nc: NatsConnection, operation: string): Promise<Answer> {
  const reply = await nc.request(`$JS.API.${operation}`, '', { timeout: API_TIMEOUT });
  return reply.json<Answer>();
}
