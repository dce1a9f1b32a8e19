import { randomBytes } from 'node:crypto';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { NatsTestServer } from '../nats-test-server.js';
import { TestKitLimitError } from './errors.js';
import { processWide } from './process-wide.js';

/** How many accounts a server has. More would make its start slower; adding some later would interrupt the others. */
const ACCOUNTS = 32;
/** How long an answer of the JetStream API may take, in milliseconds. */
const API_TIMEOUT = 5_000;

/** The server and the accounts of this process, as plain data: see {@link processWide}. */
interface Pool {
  readonly pid: number;
  readonly url: string;
  readonly version: string;
  readonly password: string;
  /** The numbers of the accounts that no kit uses. */
  readonly free: number[];
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
   * @throws {@link TestKitLimitError} if all accounts are in use
   * @throws the errors of {@link NatsTestServer.start}
   */
  static async take(version: string | undefined): Promise<TestAccount> {
    const pool = await poolOf(version);
    const number = pool.free.shift();
    if (number === undefined) throw new TestKitLimitError(ACCOUNTS);
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
  const numbers = Array.from({ length: ACCOUNTS }, (_, i) => i);
  const accounts = numbers.map((number) => [
    `KIT_${number}`,
    { jetstream: 'enabled', users: [{ user: userOf(number), password }] },
  ]);
  const server = await NatsTestServer.start({
    version,
    config: { accounts: Object.fromEntries(accounts) as Record<string, unknown> },
  });
  const { pid = 0, url } = server;
  return { pid, url, version: server.version, password, free: numbers };
}

function userOf(number: number): string {
  return `kit-${number}`;
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
