import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { InvalidArgumentError } from '../errors/index.js';
import { shown } from '../reporting/index.js';
import { sleep } from '../timing/index.js';
import { checkMilliseconds, checkWholeNumber, FINITE } from '../validation/index.js';
import { ProxyConditions, type NatsTestProxyDirection } from './proxy-conditions.js';
import { ProxyLane } from './proxy-lane.js';

/** The directions that {@link NatsTestProxy.halfOpen} accepts. */
const DIRECTIONS = {
  'from-client': ['from-client'],
  'from-server': ['from-server'],
  both: ['from-client', 'from-server'],
} as const;

/** The pause before another attempt to connect with a server that does not listen yet, in milliseconds. */
const RECONNECT_PAUSE = 20;

/** Text outside the NATS protocol. */
const GARBAGE = 'this is not the NATS protocol\r\n';

/**
 * A TCP proxy in front of a test server, on a free loopback port, that disturbs the links of clients. Without a
 * disturbance it passes all bytes on at once. Create it with {@link NatsTestServer.proxy}.
 *
 * It does not keep its process alive, and errors of sockets only end the link concerned.
 *
 * @example
 * ```ts
 * const proxy = await server.proxy();
 * const connection = await connect({ servers: proxy.url });
 * proxy.cut(); // the client has to reconnect
 * ```
 */
export class NatsTestProxy implements AsyncDisposable {
  /** The URL for clients: `nats://127.0.0.1:<port>`. */
  readonly url: string;
  private readonly conditions = new ProxyConditions();
  private readonly links = new Set<Link>();
  /** Clients that wait until the server listens. */
  private readonly waiting = new Set<Socket>();

  private constructor(
    private readonly listener: Server,
    private readonly target: number,
    private readonly waits: boolean,
  ) {
    this.url = `nats://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    listener.unref().on('error', () => undefined);
    listener.on('connection', (client) => void this.join(client));
  }

  /**
   * Starts a proxy in front of a loopback port.
   *
   * @internal
   * @param waits whether a client waits while nothing listens on the port, instead of losing its link
   */
  static async before(port: number, waits = false): Promise<NatsTestProxy> {
    const listener = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return new NatsTestProxy(listener, port, waits);
  }

  /** The port for clients. */
  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The number of links through this proxy: they exist until both sides have ended. */
  get connections(): number {
    return this.links.size;
  }

  /**
   * Delays all bytes in each direction, so that a round trip takes twice as long. Bytes stay in order.
   *
   * @param milliseconds - `0` ends the delay
   * @throws InvalidArgumentError unless it is a number of at least 0
   */
  latency(milliseconds: number): void {
    this.conditions.latency = checkMilliseconds('milliseconds', milliseconds, FINITE);
  }

  /** Closes all links at once; bytes in transit are lost. Clients can connect again. */
  cut(): void {
    for (const link of this.links) link.destroy();
    for (const client of this.waiting) client.destroy();
  }

  /**
   * Resets new links as soon as they are open, like a forwarded port without a server behind it. Open links stay.
   * {@link accept} ends this.
   */
  refuse(): void {
    this.conditions.isOpen = false;
  }

  /** Accepts new links again after {@link refuse}. */
  accept(): void {
    this.conditions.isOpen = true;
  }

  /**
   * Discards all bytes in one or both directions, like an unplugged cable: links stay open, and new ones open, but
   * nothing arrives; neither does the end of a side that closes its link. {@link heal} ends this. The discarded bytes
   * are not sent again, so call {@link cut} too if they can have ended within a message.
   *
   * @param direction - default `'both'`
   * @throws InvalidArgumentError if it is another value
   */
  halfOpen(direction: NatsTestProxyDirection | 'both' = 'both'): void {
    if (!Object.hasOwn(DIRECTIONS, direction)) {
      const reason = `${shown(direction)} is not one of ${Object.keys(DIRECTIONS).join(', ')}`;
      throw new InvalidArgumentError('direction', reason);
    }
    this.conditions.swallow(DIRECTIONS[direction]);
  }

  /**
   * Delays the end of links: if one side closes its link, the other side notices it later. {@link heal} ends this for
   * links that are closed afterwards.
   *
   * @param milliseconds - the delay; `0` ends it
   * @throws InvalidArgumentError unless it is a number of at least 0
   */
  slowClose(milliseconds: number): void {
    this.conditions.closeDelay = checkMilliseconds('milliseconds', milliseconds, FINITE);
  }

  /**
   * Splits the bytes of the server into chunks of random sizes, which clients read one by one. {@link heal} ends this.
   *
   * @param maximum - the maximum size of a chunk, in bytes
   * @throws InvalidArgumentError unless it is a whole number of at least 1
   */
  split(maximum: number): void {
    checkWholeNumber('maximum', maximum, 1, 2 ** 32);
    this.conditions.chunkSize = maximum;
  }

  /**
   * Sends bytes to all clients that do not come from the server. If the server is sending a message at that time, they
   * can arrive in the middle of it.
   *
   * @param bytes - default: a line outside the NATS protocol. Text is sent as UTF-8
   * @throws InvalidArgumentError if it is neither text nor bytes
   */
  garbage(bytes: string | Uint8Array = GARBAGE): void {
    if (typeof bytes !== 'string' && !(bytes instanceof Uint8Array)) {
      throw new InvalidArgumentError('bytes', `${shown(bytes)} is neither a string nor a Uint8Array`);
    }
    for (const { client } of this.links) client.write(bytes);
  }

  /**
   * Ends all disturbances. Open links continue; those of which one side has closed unnoticed, during
   * {@link halfOpen}, are closed on the other side too.
   */
  heal(): void {
    this.conditions.reset();
    for (const link of this.links) link.revealEnds();
  }

  /** Closes all links and stops listening. Safe to call again. It never rejects. */
  async close(): Promise<void> {
    const { listener } = this;
    this.cut();
    if (!listener.listening) return;
    listener.close();
    await once(listener, 'close');
  }

  /** The same as {@link close}. It never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async join(client: Socket): Promise<void> {
    client.on('error', () => undefined);
    if (!this.conditions.isOpen) return void client.resetAndDestroy();
    const server = this.waits ? await this.whenListening(client) : this.connectServer();
    if (client.destroyed || !this.conditions.isOpen) {
      client.resetAndDestroy();
      return void server.destroy();
    }
    const link = new Link(client, server, this.conditions, () => this.links.delete(link));
    this.links.add(link);
  }

  /** Connects as soon as the server listens; gives up if the client is disconnected before. */
  private async whenListening(client: Socket): Promise<Socket> {
    this.waiting.add(client);
    client.unref();
    let server = this.connectServer().unref();
    while (!(await hasConnected(server)) && !client.destroyed && this.conditions.isOpen) {
      await sleep(RECONNECT_PAUSE, undefined, { keepsAlive: false });
      server = this.connectServer().unref();
    }
    this.waiting.delete(client);
    return server;
  }

  private connectServer(): Socket {
    const server = connect({ host: '127.0.0.1', port: this.target, noDelay: true, allowHalfOpen: true });
    return server.on('error', () => undefined);
  }
}

function hasConnected(socket: Socket): Promise<boolean> {
  return once(socket, 'connect').then(
    () => true,
    () => false,
  );
}

/** The connection of one client with the server. */
class Link {
  private readonly lanes: readonly ProxyLane[];
  private open = 2;

  constructor(
    readonly client: Socket,
    private readonly server: Socket,
    conditions: ProxyConditions,
    private readonly onEnd: () => void,
  ) {
    this.lanes = [
      new ProxyLane('from-client', client, server, conditions),
      new ProxyLane('from-server', server, client, conditions),
    ];
    for (const socket of [client, server]) {
      socket.unref();
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (--this.open === 0) this.onEnd();
      });
    }
  }

  revealEnds(): void {
    for (const lane of this.lanes) lane.revealEnd();
  }

  destroy(): void {
    for (const lane of this.lanes) lane.stop();
    this.client.destroy();
    this.server.destroy();
    this.onEnd();
  }
}
