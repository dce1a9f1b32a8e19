import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestCluster, type NatsTestProxy } from 'nestjs-nats-jetstream/testing';
import { sleep } from '../../../lib/timing/index.js';
import type { Random } from '../model/random.js';
import type { Child } from './child.js';

/** How often a request to the JetStream API is repeated, and the pause before, in milliseconds. */
const ATTEMPTS = 100;
const PAUSE = 100;

/** How processes of the service are replaced; each returns when the new one works. */
export interface Deployment {
  /** Kills it. */
  kill(service: Child): Promise<Child>;
  /** Closes it, and starts it again with all handlers. */
  update(service: Child): Promise<Child>;
}

/** The targets of faults: the servers of a cluster, the links to them, and the processes of a service. */
export class Field implements AsyncDisposable {
  /** The processes of the service, the first of which has every form of handler. */
  readonly services: Child[] = [];

  private constructor(
    readonly cluster: NatsTestCluster,
    readonly proxies: readonly NatsTestProxy[],
    readonly random: Random,
    private readonly deployment: Deployment,
    /** How long faults last, relative to their usual time. */
    readonly scale: number,
  ) {}

  static async start(
    random: Random,
    deployment: Deployment,
    { version, scale }: { readonly version?: string | undefined; readonly scale: number },
  ): Promise<Field> {
    const cluster = await NatsTestCluster.start(3, { version, routeProxies: true });
    const proxies = await Promise.all(cluster.servers.map((server) => server.proxy()));
    return new Field(cluster, proxies, random, deployment, scale);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }

  /** Replaces a process of the service. */
  async replace(how: keyof Deployment, index: number): Promise<void> {
    this.services[index] = await this.deployment[how](this.services[index]);
  }

  /** A time between two limits, in milliseconds. */
  time(least: number, most: number): number {
    return this.scale * this.random.between(least, most);
  }

  /** Sends a request to the JetStream API, until it succeeds. */
  async ask<T = unknown>(subject: string, body?: object): Promise<T> {
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
    const nc = await connect({ servers: this.cluster.urls, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    try {
      return await use(nc);
    } finally {
      await nc.close();
    }
  }
}
