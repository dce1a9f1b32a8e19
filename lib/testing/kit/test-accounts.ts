import { randomBytes } from 'node:crypto';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { Deadline, retry } from '../../timing/index.js';
import { NatsTestServer } from '../nats-test-server.js';
import { processWide } from './process-wide.js';

/**
 * How many accounts a server has. More would make its start slower, and adding some later would interrupt the clients of the
 * others: if all are taken, another server starts.
 */
const ACCOUNTS = 32;
/** How long an answer of the JetStream API may take, in milliseconds. */
const API_TIMEOUT = 5_000;
/** How long it may take to empty an account: a process that starts many applications at once may read answers late. */
const EMPTYING = { first: 50, longest: 1_000, timeout: 30_000 };

/** A server and its accounts, as plain data: see {@link processWide}. */
interface Pool {
  readonly pid: number;
  readonly url: string;
  readonly version: string;
  readonly password: string;
  /** The numbers of the accounts that no kit uses. */
  readonly free: number[];
  /** The numbers of the accounts that a kit has used. */
  readonly used: number[];
}

/**
 * The servers of one version, in the order in which they were started. Each is started once, even if several kits ask for it at
 * the same time; `undefined` stands for one that ended, or did not start.
 */
type PoolList = (Promise<Pool> | undefined)[];

interface Pools {
  /** By the version that was asked for. */
  readonly byVersion: Map<string, PoolList>;
}

/** An account of a shared server, with JetStream, which one kit uses. */
export class TestAccount {
  private constructor(
    private readonly pool: Pool,
    private readonly number: number,
  ) {}

  /**
   * Takes an account that no kit of this process uses. A server is started if none has one; it ends with the process.
   *
   * @param version the version of the server, as for {@link NatsTestServer.start}
   * @throws the errors of {@link NatsTestServer.start}
   */
  static async take(version: string | undefined): Promise<TestAccount> {
    const account = await TestAccount.reserve(version);
    const { pool, number } = account;
    if (!pool.used.includes(number)) {
      pool.used.push(number);
      return account;
    }
    try {
      // An application may have created a stream after it was closed.
      await account.empty();
    } catch (error) {
      pool.free.push(number);
      throw error;
    }
    return account;
  }

  private static async reserve(version = ''): Promise<TestAccount> {
    const { byVersion } = processWide<Pools>('test-servers', () => ({ byVersion: new Map() }));
    const pools = byVersion.get(version) ?? [];
    byVersion.set(version, pools);
    for (let place = 0; ; place++) {
      const pool = await runningPool(pools, place, version);
      const number = pool.free.shift();
      if (number !== undefined) return new TestAccount(pool, number);
    }
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

  /** Deletes all streams, again if that fails while the server runs: it is safe to repeat. */
  private async empty(): Promise<void> {
    const { timeout, ...pauses } = EMPTYING;
    await retry(() => this.deleteStreams(), {
      ...pauses,
      deadline: new Deadline(timeout),
      retryable: () => isAlive(this.pool.pid),
    });
  }

  private async deleteStreams(): Promise<void> {
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

/** The server at a place of the list, which is started if it does not run. */
async function runningPool(pools: PoolList, place: number, version: string): Promise<Pool> {
  const known = pools[place];
  if (known === undefined) {
    const starting = startPool(version === '' ? undefined : version);
    pools[place] = starting;
    return starting;
  }
  const pool = await known.catch(() => undefined);
  if (pool !== undefined && isAlive(pool.pid)) return pool;
  // A test may have ended the server; another kit may have started a new one in the meantime.
  if (pools[place] === known) pools[place] = undefined;
  return runningPool(pools, place, version);
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
  return { pid, url, version: server.version, password, free: numbers, used: [] };
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
