import type {
  Msg,
  NatsConnection,
  Payload,
  PublishOptions,
  RequestManyOptions,
  RequestOptions,
  ServerInfo,
  Stats,
  Status,
  Subscription,
  SubscriptionOptions,
} from '@nats-io/transport-node';
import { UnconnectedNats } from '../unconnected.js';
import { type OpeningWait, opensWith } from '../opening-wait.js';

/** The parts of a lazy connection that its `NatsConnection` needs. */
export interface LazyNatsOwner {
  readonly name: string;
  /** The prefix of inboxes, which is known before the connection is open. */
  readonly inboxPrefix: string | undefined;
  opened(wait: OpeningWait): Promise<void>;
  /** Called when it is closed before it was opened. */
  onClose(): void;
}

/**
 * The `NatsConnection` of a connection with `connect: 'lazy'`, for injection. Methods that return promises open it. Until
 * then, methods that cannot wait throw {@link NotConnectedError}. Afterwards everything is passed on to the client's
 * connection.
 */
export class LazyNats implements NatsConnection {
  /** Read by `createInboxOf`, as in the client's own connection. */
  readonly options: { readonly inboxPrefix?: string };
  /** A getter, which cannot be declared as optional. */
  declare readonly info?: ServerInfo;
  private readonly unopened: UnconnectedNats;
  private client: NatsConnection | undefined;
  /** Resolves with the client's connection, or with `undefined` if it is closed before it was opened. */
  private readonly linked: Promise<NatsConnection | undefined>;
  private link: (client: NatsConnection | undefined) => void = () => undefined;

  constructor(private readonly owner: LazyNatsOwner) {
    const { name, inboxPrefix } = owner;
    this.options = inboxPrefix === undefined ? {} : { inboxPrefix };
    Object.defineProperty(this, 'info', { get: () => this.client?.info });
    this.unopened = new UnconnectedNats(name, true);
    opensWith(this, (signal) => this.whenOpen(signal));
    this.linked = new Promise((resolve) => (this.link = resolve));
  }

  /** Passes everything on to this connection from now on. */
  adopt(client: NatsConnection): void {
    this.client = client;
    this.link(client);
  }

  /** The client's connection, after it was opened. */
  async whenOpen(signal?: AbortSignal): Promise<NatsConnection> {
    await this.owner.opened({ signal });
    return this.current;
  }

  /** @throws {@link NotConnectedError} */
  refuse(): never {
    return this.unopened.refuse();
  }

  private get current(): NatsConnection {
    return this.client ?? this.unopened;
  }

  publish(subject: string, payload?: Payload, options?: PublishOptions): void {
    this.current.publish(subject, payload, options);
  }

  publishMessage(msg: Msg): void {
    this.current.publishMessage(msg);
  }

  respondMessage(msg: Msg): boolean {
    return this.current.respondMessage(msg);
  }

  subscribe(subject: string, opts?: SubscriptionOptions): Subscription {
    return this.current.subscribe(subject, opts);
  }

  async request(subject: string, payload?: Payload, opts?: RequestOptions): Promise<Msg> {
    return (await this.whenOpen()).request(subject, payload, opts);
  }

  async requestMany(
    subject: string,
    payload?: Payload,
    opts?: Partial<RequestManyOptions>,
  ): Promise<AsyncIterable<Msg>> {
    return (await this.whenOpen()).requestMany(subject, payload, opts);
  }

  async flush(): Promise<void> {
    return (await this.whenOpen()).flush();
  }

  async rtt(): Promise<number> {
    return (await this.whenOpen()).rtt();
  }

  async reconnect(): Promise<void> {
    return (await this.whenOpen()).reconnect();
  }

  setServers(servers: string[]): void {
    this.current.setServers(servers);
  }

  getServers(): ReturnType<NatsConnection['getServers']> {
    return this.current.getServers();
  }

  getServer(): string {
    return this.current.getServer();
  }

  stats(): Stats {
    return this.current.stats();
  }

  /** The changes of the state from the opening on. */
  status(): AsyncIterable<Status> {
    return this.client?.status() ?? new LaterStatus(this.linked);
  }

  async closed(): Promise<void | Error> {
    return (await this.linked)?.closed();
  }

  async close(): Promise<void> {
    if (this.client !== undefined) return this.client.close();
    this.owner.onClose();
    await this.unopened.close();
    this.link(undefined);
  }

  drain(): Promise<void> {
    return this.client?.drain() ?? this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  isClosed(): boolean {
    return this.current.isClosed();
  }

  isDraining(): boolean {
    return this.current.isDraining();
  }
}

/** The status of a connection that is not open yet. Like that of the client, it can be stopped. */
class LaterStatus implements AsyncIterable<Status> {
  private readonly iterator: AsyncGenerator<Status, void, undefined>;
  private source: (AsyncIterable<Status> & { readonly stop?: () => void }) | undefined;
  private isStopped = false;

  constructor(linked: Promise<NatsConnection | undefined>) {
    this.iterator = this.read(linked);
  }

  stop(): void {
    this.isStopped = true;
    this.source?.stop?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<Status, void, undefined> {
    return this.iterator;
  }

  private async *read(linked: Promise<NatsConnection | undefined>): AsyncGenerator<Status, void, undefined> {
    const client = await linked;
    if (client === undefined || this.isStopped) return;
    this.source = client.status();
    yield* this.source;
  }
}
