import { Logger } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { ConnectionClosedError, ConnectionFailedError } from '../../errors/index.js';
import { UserCalls } from '../../user-code/index.js';
import { Boot } from '../boot.js';
import { problemOfServers } from '../connection-failure.js';
import { type ConnectionOptions, readConnectionOptions } from '../connection-options.js';
import { JetStreamConnection, type JetStreamOptions } from '../jetstream-connection.js';
import { dialServer, reportLinks } from '../open-connection.js';
import type { OpeningWait } from '../opening-wait.js';
import { Redactor } from '../redact.js';
import { refusingWire } from '../unconnected.js';
import { useWire, wireOf } from '../wire/index.js';
import { LazyNats } from './lazy-nats.js';
import { Opening } from './opening.js';

/**
 * Creates a connection for `forRoot({ connect: 'lazy' })`: it opens no socket, until {@link JetStreamConnection.opened}.
 *
 * @param bootTimeout how long the streams and buckets that the application declares may take, in milliseconds
 * @throws {@link ConnectionFailedError} if no attempt can succeed with these servers
 * @throws {@link InvalidArgumentError} if an option of JetStream is invalid
 */
export function lazyConnection(
  name: string,
  source: ConnectionOptions,
  jetstream: JetStreamOptions,
  bootTimeout?: number,
): LazyConnection {
  const { options } = readConnectionOptions(source);
  const { servers } = new Redactor(options);
  const problem = problemOfServers(options);
  if (problem !== undefined) throw new ConnectionFailedError(name, servers, problem, 'INVALID_OPTIONS');
  const nc: LazyNats = new LazyNats({
    name,
    inboxPrefix: options.inboxPrefix,
    opened: (wait) => connection.opened(wait),
    onClose: () => connection.giveUp(),
  });
  useWire(nc, refusingWire(nc));
  const connection: LazyConnection = new LazyConnection(nc, jetstream, {
    name,
    source,
    servers,
    bootTimeout,
  });
  return connection;
}

/** How a lazy connection is opened. */
interface LazyOptions {
  readonly name: string;
  readonly source: ConnectionOptions;
  /** For errors, without credentials. */
  readonly servers: string;
  readonly bootTimeout: number | undefined;
}

/**
 * A connection that the first call that needs it opens. The streams and buckets that the application declares are created
 * in the opening, before that call continues.
 *
 * Until it is open, it counts as supporting every feature, as a connection without a server does.
 */
export class LazyConnection extends JetStreamConnection {
  private readonly opening: Opening;
  private readonly calls = new UserCalls(new Logger('NatsConnection'));
  private readonly steps: (() => Promise<void>)[] = [];
  private readonly callbacks: (() => unknown)[] = [];
  private client: NatsConnection | undefined;
  private ready = false;

  constructor(
    private readonly lazyNats: LazyNats,
    jetstream: JetStreamOptions,
    private readonly options: LazyOptions,
  ) {
    super(options.name, lazyNats, jetstream);
    const { name, servers } = options;
    const isLinked = (): boolean => this.client !== undefined;
    this.opening = new Opening({
      name,
      servers,
      timeout: this.timeout,
      get isLinked() {
        return isLinked();
      },
      open: (signal) => this.open(signal),
      onReady: () => this.tellReady(),
    });
  }

  override get isOpen(): boolean {
    return this.client !== undefined;
  }

  override get isLazy(): boolean {
    return true;
  }

  override get isReady(): boolean {
    return this.ready;
  }

  override opened(wait: OpeningWait): Promise<void> {
    return this.opening.wait(wait);
  }

  override whenReady(callback: () => unknown): void {
    if (this.isReady) callback();
    else this.callbacks.push(callback);
  }

  /**
   * Adds a step of the opening, such as the creation of a declared stream. A step that fails lets the opening fail, and is
   * run again by the next one.
   */
  beforeReady(step: () => Promise<void>): void {
    this.steps.push(step);
  }

  override supports(version: string): boolean {
    return this.client === undefined || super.supports(version);
  }

  override drain(timeout?: number): Promise<void> {
    this.giveUp();
    return super.drain(timeout);
  }

  /** Ends the opening for good. */
  giveUp(): void {
    this.opening.close();
  }

  private async open(signal: AbortSignal): Promise<void> {
    if (this.client === undefined) await this.connect(signal);
    const boot = (this.boot = new Boot(this, this.options.bootTimeout));
    try {
      // Modules that are loaded in the meantime add steps.
      for (let step = this.steps.at(0); step !== undefined; step = this.steps.at(0)) {
        if (this.nc.isClosed()) throw new ConnectionClosedError(this.name);
        await step();
        this.steps.shift();
      }
      // In the same turn as the last look for steps.
      this.ready = true;
    } finally {
      boot.end();
    }
  }

  private async connect(signal: AbortSignal): Promise<void> {
    const { name, source } = this.options;
    // Calls wait for the connection, and not for a server that may be started later, unless the option is set.
    const { nc, redactor } = await dialServer(name, { waitOnFirstConnect: false, ...source }, signal);
    if (signal.aborted) {
      await nc.close();
      throw new ConnectionClosedError(name);
    }
    const wire = wireOf(nc);
    useWire(this.lazyNats, wire);
    this.client = nc;
    this.lazyNats.adopt(nc);
    this.relink(wire);
    reportLinks(this, nc, redactor);
  }

  private tellReady(): void {
    for (const callback of this.callbacks.splice(0))
      this.calls.call(`a part of the application that waits for connection "${this.name}"`, callback);
  }
}
