import { InvalidArgumentError } from '../errors/index.js';
import { shown } from '../reporting/index.js';
import { isArray } from '../validation/index.js';
import { NatsTestProxy } from './nats-test-proxy.js';

/** The configuration of a server's routes. */
export interface RouteConfig {
  readonly routes: readonly string[];
  readonly advertise?: string;
}

/**
 * The address that servers advertise for routes: a privileged port without a service, so that connecting fails at once.
 * A server would connect to an address that accepts links again and again.
 */
const DEAD_END = '127.0.0.1:1';

/**
 * Proxies on the routes between the servers of a cluster: one for each server and each server that it connects to, so
 * that any routes can be cut.
 *
 * Servers learn the addresses of new servers from each other and connect to them directly, past the proxies. So each
 * advertises an address to which no link can be opened.
 */
export class RouteProxies {
  private constructor(
    /** The proxies of the routes that a server opens, by its index. The proxy to itself is never cut. */
    private readonly proxies: readonly (readonly NatsTestProxy[])[],
  ) {}

  /** @param ports the ports on which the servers accept routes */
  static async start(ports: readonly number[]): Promise<RouteProxies> {
    // Routes that had to be opened again, a second later, would miss the first election of the cluster: the next one is
    // only after four to nine seconds.
    const proxies = ports.map(() => Promise.all(ports.map((port) => NatsTestProxy.before(port, true))));
    return new RouteProxies(await Promise.all(proxies));
  }

  /**
   * The routes of a server, with one to itself: before the first election, a server expects as many servers in the
   * cluster as it has routes.
   */
  configOf(server: number): RouteConfig {
    return { routes: (this.proxies[server] ?? []).map(({ url }) => url), advertise: DEAD_END };
  }

  /**
   * Cuts the routes between servers of different groups, and restores those within a group.
   *
   * @throws InvalidArgumentError unless each server is in exactly one group
   */
  partition(groups: readonly (readonly number[])[]): void {
    const groupOf = membership(groups, this.proxies.length);
    for (const [from, proxies] of this.proxies.entries()) {
      for (const [to, proxy] of proxies.entries()) {
        if (groupOf.get(from) === groupOf.get(to)) {
          proxy.accept();
        } else {
          proxy.refuse();
          proxy.cut();
        }
      }
    }
  }

  /** Restores all routes; the servers open them again within about a second. */
  heal(): void {
    for (const proxy of this.proxies.flat()) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.flat().map((proxy) => proxy.close()));
  }
}

/** The group of each server. @throws InvalidArgumentError unless each server is in exactly one group */
function membership(groups: readonly (readonly number[])[], size: number): ReadonlyMap<number, number> {
  const refuse = (reason: string): never => {
    throw new InvalidArgumentError('groups', `${reason}. Name each server from 0 to ${size - 1} once`);
  };
  const groupOf = new Map<number, number>();
  for (const [group, servers] of groups.entries()) {
    if (!isArray(servers)) refuse(`${shown(servers)} is not a list of servers`);
    for (const server of servers) {
      if (!Number.isInteger(server) || server < 0 || server >= size)
        refuse(`there is no server ${shown(server)}`);
      if (groupOf.has(server)) refuse(`server ${server} is listed twice`);
      groupOf.set(server, group);
    }
  }
  for (let server = 0; server < size; server++) {
    if (!groupOf.has(server)) refuse(`server ${server} is in no group`);
  }
  return groupOf;
}
