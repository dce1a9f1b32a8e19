import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestCluster, NatsTestServer, type NatsTestProxy } from 'nestjs-nats-jetstream/testing';
import { sleep } from '../../../lib/timing/index.js';
import type { Random } from '../model/random.js';
import type { Child } from './child.js';

/** How often a request to the JetStream API is repeated, and the pause before, in milliseconds. */
const ATTEMPTS = 200;
const PAUSE = 100;
/** How long a cluster under load may take until all of its groups have leaders again, in milliseconds. */
const READY_TIMEOUT = 90_000;

/** How processes of the service are replaced. */
export interface Deployment {
  kill(service: Child): Promise<void>;
  /** Starts a process with the same handlers; resolves when it works. */
  restart(service: Child): Promise<Child>;
  /** Closes it, and starts it again with all handlers. */
  update(service: Child): Promise<Child>;
}

export interface FieldOptions {
  /** 3: a cluster; 1: a single server, which suffices for runs without faults. */
  readonly servers: 1 | 3;
  readonly version?: string | undefined;
  /** How long faults last, relative to their usual time. */
  readonly scale: number;
}

/** The targets of faults: the servers of a cluster, the links to them, and the processes of a service. */
export class Field implements AsyncDisposable {
  /** The processes of the service, the first of which has every form of handler. */
  readonly services: Child[] = [];

  private constructor(
    private readonly target: NatsTestCluster | NatsTestServer,
    readonly servers: readonly NatsTestServer[],
    readonly proxies: readonly NatsTestProxy[],
    readonly random: Random,
    private readonly deployment: Deployment,
    readonly scale: number,
  ) {}

  static async start(
    random: Random,
    deployment: Deployment,
    { servers: count, version, scale }: FieldOptions,
  ): Promise<Field> {
    const target =
      count === 1
        ? await NatsTestServer.start({ version })
        : await NatsTestCluster.start(count, { version, routeProxies: true });
    const servers = target instanceof NatsTestServer ? [target] : target.servers;
    const proxies = await Promise.all(servers.map((server) => server.proxy()));
    return new Field(target, servers, proxies, random, deployment, scale);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.target.stop();
  }

  /** @throws Error if there is only one server */
  get cluster(): NatsTestCluster {
    if (this.target instanceof NatsTestServer) throw new Error('faults need a cluster');
    return this.target;
  }

  /** Waits until all groups of servers have leaders. */
  ready(): Promise<void> {
    return this.cluster.ready(READY_TIMEOUT);
  }

  async kill(index: number): Promise<void> {
    await this.deployment.kill(this.services[index]);
  }

  async start(index: number): Promise<void> {
    this.services[index] = await this.deployment.restart(this.services[index]);
  }

  async update(index: number): Promise<void> {
    this.services[index] = await this.deployment.update(this.services[index]);
  }

  /** Sends a request to the JetStream API, until it succeeds. */
  async ask<T>(subject: string, body?: object): Promise<T> {
    return this.connected(async (nc) => {
      for (let attempt = 1; ; attempt++) {
        const reply = await nc
          .request(`$JS.API.${subject}`, body && JSON.stringify(body), { timeout: 2_000 })
          .then((message) => message.json<{ error?: { err_code?: number; description?: string } }>())
          .catch((error: unknown) => ({ error: { description: String(error) } }));
        if (reply.error === undefined) return reply as T;
        if (attempt === ATTEMPTS) throw new Error(`${subject}: ${reply.error.description}`);
        await sleep(PAUSE);
      }
    });
  }

  private async connected<T>(use: (nc: NatsConnection) => Promise<T>): Promise<T> {
    const servers = this.servers.map(({ url }) => url);
    const nc = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    try {
      return await use(nc);
    } finally {
      await nc.close();
    }
  }
}
