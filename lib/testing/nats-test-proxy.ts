import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { InvalidArgumentError } from '../errors/index.js';
import { shown } from '../reporting/index.js';
import { checkMilliseconds, checkWholeNumber, FINITE } from '../validation/index.js';
import { ProxyConditions, type NatsTestProxyDirection } from './proxy-conditions.js';
import { ProxyLane } from './proxy-lane.js';

/** The directions that {@link NatsTestProxy.halfOpen} accepts. */
const DIRECTIONS = {
  'from-client': ['from-client'],
  'from-server': ['from-server'],
  both: ['from-client', 'from-server'],
} as const;

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

  private constructor(
    private readonly listener: Server,
    target: number,
  ) {
    this.url = `nats://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    listener.unref().on('error', () => undefined);
    listener.on('connection', (client) => this.join(client, target));
  }

  /**
   * Starts a proxy in front of a loopback port.
   *
   * @internal
   */
  static async before(port: number): Promise<NatsTestProxy> {
    const listener = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return new NatsTestProxy(listener, port);
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

  private join(client: Socket, target: number): void {
    if (!this.conditions.isOpen) {
      client.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port: target, noDelay: true, allowHalfOpen: true });
    const link = new Link(client, server, this.conditions, () => this.links.delete(link));
    this.links.add(link);
  }
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
