import type { NatsConnection } from '@nats-io/transport-node';
import { jsonCodec, type Codec } from '../codecs/index.js';
import {
  openConnection,
  watchPermissions,
  type ConnectionSource,
  type JetStreamConnection,
  type JetStreamOptions,
} from '../connection/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { JetStreamService, type PublishDefaults } from '../jetstream/index.js';
import { Requests } from '../requests/index.js';

/** How a server or client of the transport reaches NATS. Durations in milliseconds. */
export interface TransportConnectionOptions {
  /**
   * The options of `@nats-io/transport-node`'s `connect`, untouched; or a `NatsConnection` or the `JetStreamService` of a
   * `JetStreamModule`, which are shared and left open. Default: a server at 127.0.0.1:4222.
   */
  readonly connection?: ConnectionSource | JetStreamService;
  /** How JetStream is reached: domain, API prefix, timeout. Not together with a `JetStreamService`. */
  readonly jetstream?: JetStreamOptions;
  /**
   * Turns packets into payloads and back. Default: JSON, which Nest's own NATS transport speaks; with any other codec
   * both ends must have it. Without it, what goes through a stream has the stream's codec, where it was declared with one.
   */
  readonly codec?: Codec;
}

/**
 * Refuses what a shared `JetStreamService` brings itself.
 *
 * @throws {@link InvalidArgumentError}
 */
export function checkSharing(
  options: TransportConnectionOptions & { readonly publish?: PublishDefaults },
): void {
  if (!(options.connection instanceof JetStreamService)) return;
  for (const option of ['jetstream', 'publish'] as const) {
    if (options[option] === undefined) continue;
    throw new InvalidArgumentError(
      option,
      'the JetStreamService that is the connection has its own: leave it out',
    );
  }
}

/** The status of a transport's connection. */
export type JetStreamTransportStatus = 'connected' | 'disconnected';

/** What `on` of a client tells of. */
export type JetStreamTransportEvents = {
  /** The link to the server broke; the client keeps trying to restore it. */
  disconnect: () => void;
  /** The link is back. */
  reconnect: () => void;
  /** The connection is closed for good. */
  close: (error?: Error) => void;
  /** The server refused to publish or to subscribe; of each, it is told once a minute. */
  'permission-denied': (error: Error) => void;
};

/** What tells of a link's connection. */
export interface TransportLinkOwner {
  onStatus(status: JetStreamTransportStatus): void;
  onEvent<Name extends keyof JetStreamTransportEvents>(
    name: Name,
    ...args: Parameters<JetStreamTransportEvents[Name]>
  ): void;
}

/** A connection in use by a server or client: its own, or one that it shares with the application. */
export class TransportLink {
  private constructor(
    readonly jetstream: JetStreamService,
    /** For what this server or client asks alone: so it can be ended without the rest of the application. */
    readonly requests: Requests,
    /** The transport's own codec, where it has one. */
    private readonly own: Codec | undefined,
    private readonly owned: boolean,
    private readonly forget: () => void,
  ) {}

  /**
   * @param name what the connection is called in logs and errors
   * @throws {@link ConnectionFailedError}
   */
  static async open(
    name: string,
    { connection: source = {}, jetstream: options = {}, codec }: TransportConnectionOptions,
    publish: PublishDefaults,
    owner: TransportLinkOwner,
  ): Promise<TransportLink> {
    const shared = source instanceof JetStreamService;
    const connection = shared ? source.connection : await openConnection(name, source, options);
    const requests = new Requests(connection);
    const jetstream = shared
      ? source
      : new JetStreamService(connection, requests, { codec: codec ?? jsonCodec, publish });
    const forget = connection.listen({
      onDisconnect: () => {
        owner.onStatus('disconnected');
        owner.onEvent('disconnect');
      },
      onReconnect: () => {
        owner.onStatus('connected');
        owner.onEvent('reconnect');
      },
      onClose: (error) => {
        owner.onStatus('disconnected');
        owner.onEvent('close', error);
      },
    });
    // The module of a shared service does so itself.
    if (!shared)
      void watchPermissions(name, connection.nc, (error) => owner.onEvent('permission-denied', error));
    owner.onStatus('connected');
    return new TransportLink(jetstream, requests, codec, !shared, forget);
  }

  /** For packets of core NATS, and for answers. */
  get codec(): Codec {
    return this.own ?? this.jetstream.options.codec;
  }

  /** For what a stream takes on a subject. */
  codecOfSubject(subject: string): Codec {
    return this.own ?? this.jetstream.codecs.ofSubject(subject);
  }

  /** For what a stream delivers. */
  codecOfStream(name: string): Codec {
    return this.own ?? this.jetstream.codecs.ofStream(name);
  }

  get connection(): JetStreamConnection {
    return this.jetstream.connection;
  }

  get nc(): NatsConnection {
    return this.connection.nc;
  }

  /** Sends what is buffered and fails what waits for replies; closes the connection where it was opened here. */
  async close(): Promise<void> {
    if (this.owned) await this.connection.drain();
    this.requests.close();
    this.forget();
  }
}
