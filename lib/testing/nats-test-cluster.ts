import { InvalidArgumentError } from '../errors/index.js';
import {
  type AllOptionsOf,
  checkedOptions,
  checkWholeNumber,
  count,
  flag,
  listOf,
} from '../validation/index.js';
import type { NatsTestAccessOptions } from './access-options.js';
import { clusterReady } from './cluster-readiness.js';
import { findFreePorts, retryWhilePortIsTaken } from './free-ports.js';
import { NatsTestServer } from './nats-test-server.js';
import { RouteProxies, type RouteConfig } from './route-proxies.js';
import { ServerAccess, type NatsTestConnectionOptions } from './server-access.js';
import { SERVER_OPTIONS, type NatsTestServerOptions } from './server-options.js';

/** How long a cluster may take until it is ready, in milliseconds. */
const READY_TIMEOUT = 30_000;
/**
 * How often the servers are started if the cluster does not become ready, and how long each attempt except the last one
 * may take, in milliseconds. Servers whose routes open during the first election sometimes never join the cluster, more
 * often on a busy machine.
 */
const ATTEMPTS = 3;
const FIRST_TIMEOUT = 15_000;

/** Options of {@link NatsTestCluster.start}: the options of each server, except those that servers cannot share. */
export interface NatsTestClusterOptions
  extends NatsTestAccessOptions, Pick<NatsTestServerOptions, 'version' | 'config' | 'domain'> {
  /**
   * Whether the servers reach each other through proxies, which {@link NatsTestCluster.partition} needs. Default:
   * `false`.
   */
  readonly routeProxies?: boolean | undefined;
  /**
   * The indexes of servers that are shut down as soon as the cluster has formed, as if they had failed before the test:
   * {@link NatsTestServer.restart} starts them. Fewer than half of the servers, as the others need a leader. Default:
   * none.
   */
  readonly stopped?: readonly number[] | undefined;
}

const {
  jetstream: _jetstream,
  leafNodes: _leafNodes,
  storeDir: _storeDir,
  port: _port,
  ...SHARED
} = SERVER_OPTIONS;

const CLUSTER_OPTIONS = {
  ...SHARED,
  routeProxies: flag,
  stopped: listOf(count(0), 'a list of indexes of servers'),
} satisfies AllOptionsOf<NatsTestClusterOptions>;

/** A JetStream cluster of real nats-servers. Each may be killed, paused and restarted on its own. */
export class NatsTestCluster implements AsyncDisposable {
  private constructor(
    /** The servers, in a fixed order: their indexes are used by `stopped` and {@link partition}. */
    readonly servers: readonly NatsTestServer[],
    private readonly access: ServerAccess,
    private readonly routes: RouteProxies | undefined,
  ) {}

  /**
   * Starts `size` servers and waits until streams with as many replicas can be created.
   *
   * @throws InvalidArgumentError if the size is not a whole number of 2 or more, an option is unknown or invalid, or half
   * of the servers or more are in `stopped`
   * @throws as {@link NatsTestServer.start}
   */
  static async start(size: number, options: NatsTestClusterOptions = {}): Promise<NatsTestCluster> {
    checkWholeNumber('size', size, 2);
    const checked = checkedOptions<NatsTestClusterOptions>('NatsTestCluster.start', options, CLUSTER_OPTIONS);
    const stopped = checkStopped(checked.stopped ?? [], size);
    const access = new ServerAccess(checked);
    const cluster = await NatsTestCluster.form(size, checked, access);
    try {
      await Promise.all(stopped.map((index) => cluster.servers[index]?.shutdown()));
      if (stopped.length > 0) await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  private static async form(
    size: number,
    options: NatsTestClusterOptions,
    access: ServerAccess,
  ): Promise<NatsTestCluster> {
    for (let attempt = 1; ; attempt++) {
      const cluster = await retryWhilePortIsTaken(() => NatsTestCluster.launch(size, options, access));
      try {
        await cluster.ready(attempt < ATTEMPTS ? FIRST_TIMEOUT : READY_TIMEOUT);
        return cluster;
      } catch (error) {
        await cluster.stop();
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  private static async launch(
    size: number,
    options: NatsTestClusterOptions,
    access: ServerAccess,
  ): Promise<NatsTestCluster> {
    const ports = await findFreePorts(size);
    const routes = options.routeProxies === true ? await RouteProxies.start(ports) : undefined;
    try {
      const servers = await startServers(ports, options, access, routes);
      return new NatsTestCluster(servers, access, routes);
    } catch (error) {
      await routes?.close();
      throw error;
    }
  }

  /** The URLs for clients. */
  get urls(): string[] {
    return this.servers.map((server) => server.url);
  }

  /**
   * The options of a client's connection: the URLs of all servers, the credentials of a user, and the certificates.
   *
   * @param user - the name of a user of the options `users` or `accounts`; not needed if clients need no credentials
   * @throws InvalidArgumentError if the cluster was not started with this user, or needs one and none is named
   */
  connectionFor(user?: string): NatsTestConnectionOptions<string[]> {
    return this.access.connection(this.urls, user);
  }

  /**
   * Stops all servers and removes their stores.
   *
   * @throws the error of the file system if a folder cannot be removed
   */
  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.routes?.close();
  }

  /**
   * Separates groups of servers: those of different groups lose their routes at once and cannot open new ones, as if
   * the network between them was down. Clients reach all servers. A later call replaces the groups. Needs the option
   * `routeProxies`.
   *
   * @example
   * ```ts
   * cluster.partition([0], [1, 2]); // the first server is alone, the two others elect new leaders
   * cluster.heal();
   * await cluster.ready();
   * ```
   *
   * @param groups - the indexes of the servers of each group; each server belongs to exactly one
   * @throws InvalidArgumentError if a server is in no group or in several, or the cluster has no route proxies
   */
  partition(...groups: readonly (readonly number[])[]): void {
    if (this.routes === undefined) {
      const reason =
        'the servers are connected directly. Start the cluster with the option { routeProxies: true }';
      throw new InvalidArgumentError('routeProxies', reason);
    }
    this.routes.partition(groups);
  }

  /**
   * Ends a {@link partition}. The servers open their routes again within some seconds; {@link ready} waits for that. It
   * does nothing if there is no partition.
   */
  heal(): void {
    this.routes?.heal();
  }

  /**
   * Waits until the running servers have a leader that reports all of them as current and accepts new streams with as
   * many replicas, and each stream and consumer has a leader that all of its servers know. Call it after the restart of
   * a server. Servers that are not running are not waited for, paused ones are.
   *
   * @param timeout - how long that may take, in milliseconds. Default: 30,000
   * @throws NatsServerStartError if it takes longer
   */
  ready(timeout = READY_TIMEOUT): Promise<void> {
    return clusterReady(this.servers, this.access, timeout);
  }

  /**
   * The same as {@link stop}.
   *
   * @throws the errors of {@link stop}
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** @throws InvalidArgumentError if a server does not exist, or too few are left */
function checkStopped(stopped: readonly number[], size: number): readonly number[] {
  const indexes = [...new Set(stopped)];
  const missing = stopped.find((index) => index >= size);
  if (missing !== undefined) {
    throw new InvalidArgumentError('stopped', `there is no server ${missing}. The last one is ${size - 1}`);
  }
  if (indexes.length >= size / 2) {
    const reason = `${size - indexes.length} of ${size} servers cannot elect a leader. Stop fewer than half of them`;
    throw new InvalidArgumentError('stopped', reason);
  }
  return indexes;
}

/**
 * Starts the servers of a cluster, which know each other's ports from the start. If one fails, all of them are stopped.
 */
async function startServers(
  ports: readonly number[],
  { version, config, domain }: NatsTestClusterOptions,
  access: ServerAccess,
  proxies: RouteProxies | undefined,
): Promise<NatsTestServer[]> {
  const direct: RouteConfig = { routes: ports.map((port) => `nats://127.0.0.1:${port}`) };
  const starts = await Promise.allSettled(
    ports.map((port, index) => {
      const routes = proxies?.configOf(index) ?? direct;
      return NatsTestServer.create(
        { version, config, domain },
        {
          access,
          config: { cluster: { name: 'test', listen: `127.0.0.1:${port}`, ...routes } },
        },
      );
    }),
  );
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failure = starts.find((start) => start.status === 'rejected');
  if (failure !== undefined) {
    await Promise.all(servers.map((server) => server.stop()));
    throw failure.reason;
  }
  return servers;
}
