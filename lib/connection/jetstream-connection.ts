import { Logger } from '@nestjs/common';
import type { Msg, NatsConnection, ServerInfo } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  InvalidArgumentError,
  RequestTimeoutError,
  UnsupportedServerFeatureError,
} from '../errors/index.js';
import { JetStreamInstruments } from '../instruments/index.js';
import { Deadline, retry, within } from '../timing/index.js';
import { checkMilliseconds, FINITE, notTogether } from '../validation/index.js';
import type { Boot } from './boot.js';
import { ConnectionEvents, type ConnectionListener } from './connection-events.js';
import type { OpeningWait } from './opening-wait.js';
import { type PostOptions, UnsentPosts } from './posts.js';
import { compareVersions } from './server-version.js';
import { toConnectionError } from './to-connection-error.js';
import { ConnectionWire, type SharedWire, type Wire, wireOf } from './wire/index.js';

/** For connections outside of a module, and without instruments of their own. */
const NO_INSTRUMENTS = JetStreamInstruments.of([]);

/** How long closing waits for the socket before it abandons the link, in milliseconds. */
const CLOSE_WAIT = 500;

/** The backoff between attempts to flush while the link is down, in milliseconds. */
const FLUSH_RETRY = { first: 50, longest: 500 };

/** How JetStream is accessed over a connection. */
export type JetStreamOptions = (
  | {
      /** The JetStream domain to use: the API prefix becomes `$JS.<domain>.API`. */
      readonly domain?: string | undefined;
      readonly apiPrefix?: undefined;
    }
  | {
      /** The JetStream API prefix, for imported accounts. Default `$JS.API`. */
      readonly apiPrefix?: string | undefined;
      readonly domain?: undefined;
    }
) & {
  /** How long a JetStream API request waits for its reply, in milliseconds. Default 5,000. */
  readonly timeout?: number | undefined;
};

/** The state of a connection. */
export interface ConnectionStatus {
  /**
   * `connected`: there is a link to a server. `disconnected`: the link was lost, and the client keeps trying to restore
   * it. `closed`: the connection has ended for good. `unopened`: no call has needed it yet (`connect: 'lazy'`).
   */
  readonly state: 'connected' | 'disconnected' | 'closed' | 'unopened';
  /** How long the connection has been in this state, in milliseconds. */
  readonly stateAge: number;
  /** How often the link was restored. */
  readonly reconnects: number;
  /** The server, or the last one while there is no link; `undefined` if there was none yet. */
  readonly server:
    | {
        readonly name: string;
        readonly version: string;
        /** The name of its cluster, if it has one. */
        readonly cluster: string | undefined;
        /** Its host and port; `undefined` after the connection was closed. */
        readonly address: string | undefined;
      }
    | undefined;
  /** Whether it was opened here, and therefore is closed here; otherwise the application owns it. */
  readonly owned: boolean;
}

/**
 * A named connection: the client's own `NatsConnection` and the known information about its server.
 *
 * All other parts (requests, stores, handlers) access the server through it.
 */
export class JetStreamConnection {
  /** The prefix of every JetStream API subject, without a trailing dot. */
  readonly apiPrefix: string;
  /** The default deadline of JetStream API requests, in milliseconds. */
  readonly timeout: number;
  /** @internal The startup of the application on this connection; it is kept after it has ended. */
  boot: Boot | undefined;
  /** @internal Observe what is sent over this connection. */
  instruments = NO_INSTRUMENTS;
  /** @internal The factor for the delays of handlers, which a test kit sets. */
  timeScale = 1;
  /** @internal Sends and receives messages. */
  wire: Wire;
  /** The same wire without the translation of errors, for callers that translate them. */
  private bareWire: SharedWire;
  private readonly logger = new Logger('NatsConnection');
  private readonly events: ConnectionEvents;
  private readonly unsent: UnsentPosts;
  private lastInfo: ServerInfo | undefined;
  private connected: boolean;
  private reconnects = 0;
  private changedAt = performance.now();
  private draining: Promise<void> | undefined;

  /** @internal Created by the module. */
  constructor(
    /** The name given to `JetStreamModule.forRoot`; `default` if none was given. */
    readonly name: string,
    /** The client's connection. */
    readonly nc: NatsConnection,
    options: JetStreamOptions = {},
    /** Whether it was opened here, and therefore is closed here; otherwise the application owns it. */
    readonly owned = true,
  ) {
    this.apiPrefix = apiPrefix(options);
    this.events = new ConnectionEvents(name, nc);
    this.unsent = new UnsentPosts(name);
    this.bareWire = wireOf(nc);
    this.wire = new ConnectionWire(this, this.bareWire);
    // Registered first, so that messages that other listeners send are written to the new link.
    this.events.listen({
      onDisconnect: () => this.changed(false),
      onReconnect: () => {
        this.changed(true);
        this.reconnects++;
      },
      // A connection of the application may still be open when the events end.
      onClose: () => this.changed(this.connected && !nc.isClosed()),
    });
    this.lastInfo = nc.info;
    this.connected = nc.info !== undefined;
    this.timeout = options.timeout ?? 5_000;
    checkMilliseconds('jetstream.timeout', this.timeout, { ...FINITE, exclusive: true });
  }

  /** The version of the connected server, such as `2.10.27`. May change after a reconnect to another server. */
  get serverVersion(): string {
    return this.serverInfo?.version ?? '0.0.0';
  }

  /** The maximum size of a message including headers, in bytes. */
  get maxPayload(): number {
    return this.serverInfo?.max_payload ?? 1_048_576;
  }

  /**
   * Sends buffered messages, in particular acknowledgements, and closes the connection if it was opened here. Without a
   * link there is no server to send to. The wait for a server that does not respond is limited by the timeout. It never
   * rejects.
   *
   * @param timeout in milliseconds, any number; default: the timeout of JetStream API requests
   */
  drain(timeout = this.timeout): Promise<void> {
    // A failed startup and a shutdown may both end the connection: the second call waits for the first.
    this.draining ??= this.end(timeout);
    return this.draining;
  }

  private async end(timeout: number): Promise<void> {
    if (!this.nc.isClosed()) {
      if (this.connected) await this.send(timeout);
      if (this.owned) await this.close();
    }
    // The application may continue to use its own connection; a connection that was opened here has ended its events
    // itself.
    if (!this.owned) this.events.end();
  }

  /** The state of the connection now, without asking the server. */
  get status(): ConnectionStatus {
    const info = this.serverInfo;
    return {
      state: this.state,
      stateAge: Math.floor(performance.now() - this.changedAt),
      reconnects: this.reconnects,
      server: info && {
        name: info.server_name,
        version: info.version,
        cluster: info.cluster,
        address: this.nc.isClosed() ? undefined : this.nc.getServer(),
      },
      owned: this.owned,
    };
  }

  private get state(): ConnectionStatus['state'] {
    if (this.nc.isClosed()) return 'closed';
    if (!this.isOpen && this.isLazy) return 'unopened';
    return this.connected ? 'connected' : 'disconnected';
  }

  /** @internal Sends and receives over another wire from now on, which has a link. */
  protected relink(wire: SharedWire): void {
    this.bareWire = wire;
    this.wire = new ConnectionWire(this, wire);
    this.changed(true);
  }

  private changed(connected: boolean): void {
    this.connected = connected;
    this.changedAt = performance.now();
  }

  /** @internal Whether the connection was opened; `false` with `connect: false`. */
  get isOpen(): boolean {
    return true;
  }

  /** @internal Whether the first call that needs it opens it (`connect: 'lazy'`). */
  get isLazy(): boolean {
    return false;
  }

  /** @internal Whether calls can be sent: with `connect: 'lazy'`, when the first opening is complete. */
  get isReady(): boolean {
    return true;
  }

  /**
   * @internal Opens a connection with `connect: 'lazy'`, if no earlier call did; all calls share one attempt.
   *
   * @throws the errors of `Opening.wait`
   */
  async opened(_wait: OpeningWait): Promise<void> {}

  /** @internal Calls back when the connection is ready: now, or after the first call has opened it. */
  whenReady(callback: () => unknown): void {
    callback();
  }

  /** Whether there currently is a link to a server. */
  get hasLink(): boolean {
    return this.connected && !this.nc.isClosed();
  }

  /**
   * @internal Waits until the server has received everything sent before. It answers in order, so refusals of
   * subscriptions have arrived by then. The request is repeated after a reconnect.
   *
   * @param timeout in milliseconds, any number; default: the timeout of JetStream API requests
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}
   */
  flush(timeout = this.timeout): Promise<void> {
    const deadline = new Deadline(timeout);
    return retry(() => this.ping(timeout, deadline), {
      ...FLUSH_RETRY,
      retryable: (error) => error instanceof RequestTimeoutError && !error.sent,
      deadline,
    });
  }

  /** @internal See `JetStreamService.rtt`. */
  async rtt(timeout = this.timeout): Promise<number> {
    const startedAt = performance.now();
    await this.ping(timeout, new Deadline(timeout));
    return performance.now() - startedAt;
  }

  /** @throws {@link RequestTimeoutError} also if the link was lost: the request then counts as not sent */
  private async ping(timeout: number, deadline: Deadline): Promise<void> {
    let failure: { readonly cause: unknown } | undefined;
    const answered = this.nc.flush().catch((cause: unknown) => (failure = { cause }));
    if (!(await deadline.wait(answered))) throw new RequestTimeoutError('PING', timeout, this.connected);
    if (failure === undefined) return;
    if (this.nc.isClosed()) throw new ConnectionClosedError(this.name, failure);
    throw new RequestTimeoutError('PING', timeout, false);
  }

  /** Waits until everything is sent, the link is lost, or the time is over. */
  private async send(timeout: number): Promise<void> {
    let forget = (): void => {};
    const lost = new Promise<void>(
      (resolve) => (forget = this.listen({ onDisconnect: resolve, onClose: () => resolve() })),
    );
    const sent = this.owned ? this.nc.drain() : this.nc.flush();
    const inTime = await within(timeout, Promise.race([sent, lost]));
    forget();
    if (!inTime) {
      this.logger.warn(
        `Connection "${this.name}": the server did not confirm within ${Math.round(timeout)} ms that it has received everything, ` +
          'so messages that were not acknowledged may be delivered again',
      );
    }
  }

  /** The client waits until the socket has written everything, which never happens if the server does not read. */
  private async close(): Promise<void> {
    if (await within(CLOSE_WAIT, this.nc.close())) return;
    this.wire.abandon();
    await within(CLOSE_WAIT, this.nc.closed());
  }

  /** The server's information about itself; while disconnected, that of the last server, which the client discards. */
  private get serverInfo(): ServerInfo | undefined {
    return (this.lastInfo = this.nc.info ?? this.lastInfo);
  }

  /** Adds a listener for disconnects, reconnects and the end of the connection; the returned function removes it. */
  listen(listener: ConnectionListener): () => void {
    return this.events.listen(listener);
  }

  /**
   * @internal Sends messages whose outcome no caller awaits: acknowledgements, answers, heartbeats. It never throws, so
   * that timers, promise continuations and callbacks of the parser may call it. Failures are reported once for each
   * kind.
   *
   * @returns whether the message was passed to the link; `false` also while the link is down, which is not reported
   */
  post(subject: string, data: Uint8Array | string, options: PostOptions): boolean {
    try {
      this.bareWire.publish(subject, data, options.reply, options.headers);
      return this.connected;
    } catch (thrown) {
      const sent = { subject, reply: options.reply, data };
      this.unsent.report(toConnectionError(thrown, this, sent), subject, options.purpose);
      return false;
    }
  }

  /**
   * @internal Like {@link post}, to the reply subject of a message.
   *
   * @param text short printable ASCII
   */
  answer(message: Msg, text: string, { purpose }: PostOptions): boolean {
    try {
      this.bareWire.answer(message, text);
      return this.connected;
    } catch (thrown) {
      const { reply: subject = '' } = message;
      this.unsent.report(toConnectionError(thrown, this, { subject }), subject, purpose);
      return false;
    }
  }

  /** Whether the connected server has at least this version. */
  supports(version: string): boolean {
    return compareVersions(this.serverVersion, version) >= 0;
  }

  /**
   * Rejects a feature that the connected server is too old for.
   *
   * @throws {@link UnsupportedServerFeatureError} naming the feature, the needed and the actual version
   */
  require(feature: string, version: string): void {
    if (!this.supports(version))
      throw new UnsupportedServerFeatureError(feature, version, this.serverVersion);
  }
}

function apiPrefix({ domain, apiPrefix: prefix }: JetStreamOptions): string {
  if (domain !== undefined && prefix !== undefined) {
    throw notTogether('jetstream.domain', 'jetstream.apiPrefix');
  }
  if (domain !== undefined) {
    if (!/^[^\s.*>]+$/.test(domain))
      throw new InvalidArgumentError('jetstream.domain', `"${domain}" is not a single subject token`);
    return `$JS.${domain}.API`;
  }
  const trimmed = (prefix ?? '$JS.API').replace(/\.$/, '');
  if (!/^[^\s*>]+$/.test(trimmed))
    throw new InvalidArgumentError('jetstream.apiPrefix', `"${prefix}" is not a valid subject`);
  return trimmed;
}
