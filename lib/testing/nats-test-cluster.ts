import { setTimeout as sleep } from 'node:timers/promises';

import { NatsServerStartError } from './errors.js';
import { findFreePorts, retryWhilePortIsTaken } from './free-ports.js';
import { monitor } from './monitoring.js';
import { InvalidArgumentError } from '../errors/index.js';
import { NatsTestServer, type NatsTestServerOptions } from './nats-test-server.js';
import { RouteProxies, type RouteConfig } from './route-proxies.js';
import { toConfigText } from './server-config.js';

/** How long a cluster may take until it is ready, in milliseconds. */
const READY_TIMEOUT = 30_000;
/** The interval of readiness checks, in milliseconds. */
const READY_POLL = 20;

/** The name of the group of all servers here, in addition to those of streams and consumers. */
const CLUSTER = 'cluster';

/** Options of {@link NatsTestCluster.start}: the options of each server, except those that servers cannot share. */
export interface NatsTestClusterOptions extends Pick<NatsTestServerOptions, 'version' | 'config'> {
  /**
   * Whether the servers reach each other through proxies, which {@link NatsTestCluster.partition} needs. Default:
   * `false`.
   */
  readonly routeProxies?: boolean | undefined;
}

/** A JetStream cluster of real nats-servers. Each may be killed, paused and restarted on its own. */
export class NatsTestCluster implements AsyncDisposable {
  private constructor(
    readonly servers: readonly NatsTestServer[],
    private readonly routes: RouteProxies | undefined,
  ) {}

  /**
   * Starts `size` servers and waits until streams with as many replicas can be created.
   *
   * @throws TypeError if the size is not a whole number of 2 or more
   * @throws as {@link NatsTestServer.start}
   */
  static async start(size: number, options: NatsTestClusterOptions = {}): Promise<NatsTestCluster> {
    if (!Number.isInteger(size) || size < 2) {
      throw new TypeError(`A cluster needs at least two servers, not ${size}`);
    }
    return retryWhilePortIsTaken(async () => {
      const ports = await findFreePorts(size);
      const routes = options.routeProxies === true ? await RouteProxies.start(ports) : undefined;
      const servers = await startServers(ports, options, routes).catch(async (error: unknown) => {
        await routes?.close();
        throw error;
      });
      const cluster = new NatsTestCluster(servers, routes);
      await cluster.ready().catch(async (error: unknown) => {
        await cluster.stop();
        throw error;
      });
      return cluster;
    });
  }

  /** The URLs for clients. */
  get urls(): string[] {
    return this.servers.map((server) => server.url);
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
   * Waits until the cluster has a leader that reports all other servers as current, and each stream and consumer has a
   * leader that all of its servers know. Call it after the restart of a server.
   *
   * @throws NatsServerStartError if that takes longer than 30 seconds
   */
  async ready(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT;
    for (;;) {
      const laggards = await this.laggards();
      if (laggards.length === 0) {
        return;
      }
      if (Date.now() > deadline) {
        const reason = `the cluster was not ready after ${READY_TIMEOUT} ms: ${laggards.join(', ')}`;
        throw new NatsServerStartError(reason, '');
      }
      await sleep(READY_POLL);
    }
  }

  /**
   * The same as {@link stop}.
   *
   * @throws the errors of {@link stop}
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The servers that do not answer; if all answer, the groups of servers that are not ready. */
  private async laggards(): Promise<string[]> {
    const pages = await Promise.all(
      this.servers.map((server) => jetStreamPage(server).catch(() => undefined)),
    );
    const silent = this.servers.filter((_, index) => pages[index] === undefined).map(({ name }) => name);
    if (silent.length > 0) {
      return silent;
    }
    // After a leader's end, the other servers report it as the leader for a while, and it does so itself after its
    // restart. So each server has to know a leader, and the leader has to know that it is the leader.
    const known = new Map<string, Set<string | undefined>>();
    const led = new Set<string>();
    for (const [index, server] of this.servers.entries()) {
      for (const [name, group] of groupsOf(pages[index] ?? {})) {
        known.set(name, (known.get(name) ?? new Set()).add(group.leader));
        if (group.leader === server.name && (name !== CLUSTER || areInStep(group, this.servers.length))) {
          led.add(name);
        }
      }
    }
    return [...known].flatMap(([name, leaders]) => (leaders.size === 1 && led.has(name) ? [] : [name]));
  }
}

/**
 * Starts the servers of a cluster, which know each other's ports from the start. If one fails, all of them are stopped.
 */
async function startServers(
  ports: readonly number[],
  options: NatsTestClusterOptions,
  proxies: RouteProxies | undefined,
): Promise<NatsTestServer[]> {
  const direct: RouteConfig = { routes: ports.map((port) => `nats://127.0.0.1:${port}`) };
  const starts = await Promise.allSettled(
    ports.map((port, index) => {
      const routes = proxies?.configOf(index) ?? direct;
      const cluster = { name: 'test', listen: `127.0.0.1:${port}`, ...routes };
      return NatsTestServer.start({
        version: options.version,
        config: toConfigText({ cluster }) + toConfigText(options.config),
      });
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

/** The part of a server's JetStream page that is used here. */
interface JetStreamPage {
  readonly meta_cluster?: RaftGroup;
  readonly account_details?: readonly {
    readonly name: string;
    readonly stream_detail?: readonly (Asset & { readonly consumer_detail?: readonly Asset[] })[];
  }[];
}

interface Asset {
  readonly name: string;
  readonly cluster?: RaftGroup;
}

/** The servers that store the same data, as reported by one of them. */
interface RaftGroup {
  readonly leader?: string;
  /** The other servers. */
  readonly replicas?: readonly { readonly current: boolean; readonly offline?: boolean }[];
}

async function jetStreamPage(server: NatsTestServer): Promise<JetStreamPage> {
  return (await monitor(`${server.monitoringUrl}/jsz?streams=true&consumers=true`)) as JetStreamPage;
}

/** Whether the leader of a group of `size` servers reports all others as current. */
function areInStep({ replicas = [] }: RaftGroup, size: number): boolean {
  return (
    replicas.length === size - 1 && replicas.every(({ current, offline }) => current && offline !== true)
  );
}

/** The groups of a server, each with a name that is the same on all servers. */
function* groupsOf({ meta_cluster: meta = {}, account_details: accounts = [] }: JetStreamPage) {
  yield [CLUSTER, meta] as const;
  for (const account of accounts) {
    for (const stream of account.stream_detail ?? []) {
      yield [`stream ${account.name}/${stream.name}`, stream.cluster ?? {}] as const;
      for (const consumer of stream.consumer_detail ?? []) {
        yield [`consumer ${account.name}/${stream.name}/${consumer.name}`, consumer.cluster ?? {}] as const;
      }
    }
  }
}
