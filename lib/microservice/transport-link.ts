import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { jsonCodec, type Codec } from '../codecs/index.js';
import {
  openConnection,
  toConnectionError,
  watchPermissions,
  type ConnectionSource,
  type JetStreamConnection,
  type JetStreamOptions,
} from '../connection/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { JetStreamService, type PublishDefaults } from '../jetstream/index.js';
import { Requests } from '../requests/index.js';
import type { TimeBudget } from '../timing/index.js';
import { isReplyAllowed } from '../validation/index.js';
import { CALL_OFF } from './packets/index.js';

/** How a server or client of the transport reaches NATS. Durations in milliseconds. */
export interface TransportConnectionOptions {
  /**
   * The options of `@nats-io/transport-node`'s `connect`, untouched; or a `NatsConnection` or the `JetStreamService` of a
   * `JetStreamModule`, which are shared and left open. Default: a server at 127.0.0.1:4222.
   */
  readonly connection?: ConnectionSource | JetStreamService | undefined;
  /** How JetStream is reached: domain, API prefix, timeout. Not together with a `JetStreamService`. */
  readonly jetstream?: JetStreamOptions | undefined;
  /**
   * Turns packets into payloads and back. Default: JSON, which Nest's own NATS transport speaks; with any other codec
   * both ends must have it. Without it, what goes through a stream has the stream's codec, where it was declared with one.
   */
  readonly codec?: Codec | undefined;
}

/**
 * Refuses what a shared `JetStreamService` brings itself.
 *
 * @throws {@link InvalidArgumentError}
 */
export function checkSharing(
  options: TransportConnectionOptions & { readonly publish?: PublishDefaults | undefined },
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

/** How long the end of a connection waits for the server to confirm that it has everything, in milliseconds. */
export const CLOSING = 2_000;
/** What it gets of that at least, in milliseconds, though handlers took all the time. */
const LEAST_CLOSING = 250;

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
  /** How often the link to the server came back. */
  reconnects = 0;

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
   * @param signal ends the wait for a server
   * @throws {@link ConnectionFailedError}
   */
  static async open(
    name: string,
    { connection: source = {}, jetstream: options = {}, codec }: TransportConnectionOptions,
    publish: PublishDefaults,
    owner: TransportLinkOwner,
    signal: AbortSignal,
  ): Promise<TransportLink> {
    const shared = source instanceof JetStreamService;
    const connection = shared ? source.connection : await openConnection(name, source, options, signal);
    // A service whose answers come too late for their request is told to stop.
    const requests = new Requests(connection, undefined, ({ reply }) => callOff(connection, reply));
    const jetstream = shared
      ? source
      : new JetStreamService(connection, requests, { codec: codec ?? jsonCodec, publish });
    const forget = connection.listen({
      onDisconnect: () => {
        owner.onStatus('disconnected');
        owner.onEvent('disconnect');
      },
      onReconnect: () => {
        link.reconnects++;
        owner.onStatus('connected');
        owner.onEvent('reconnect');
      },
      onClose: (error) => {
        owner.onStatus('disconnected');
        owner.onEvent('close', error);
      },
    });
    // The module of a shared service does so itself.
    if (!shared) watchPermissions(connection, (error) => owner.onEvent('permission-denied', error));
    owner.onStatus('connected');
    const link = new TransportLink(jetstream, requests, codec, !shared, forget);
    return link;
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

  /**
   * Sends a message to those that listen now.
   *
   * @throws {@link ConnectionClosedError}, {@link PayloadTooLargeError}, {@link InvalidSubjectError}
   */
  send(subject: string, data: Uint8Array, headers: MsgHdrs | undefined): void {
    try {
      this.connection.wire.publish(subject, data, undefined, headers);
    } catch (thrown) {
      throw toConnectionError(thrown, this.connection, { subject, data });
    }
  }

  /** Tells a service to stop working at a request. */
  callOff(control: string): void {
    callOff(this.connection, control);
  }

  /** Sends something to a subject that a peer chose, if this library publishes there. */
  answerPeer(subject: string | undefined, data: string): void {
    answerPeer(this.connection, subject, data);
  }

  /**
   * Sends what is buffered and fails what waits for replies; closes the connection if it was opened here. A server that does
   * not respond is not waited for longer than two seconds, or than what is left of the budget.
   */
  async close(budget: TimeBudget): Promise<void> {
    const timeout = Math.max(LEAST_CLOSING, Math.min(CLOSING, Math.ceil(budget.left)));
    if (this.owned) await budget.spend(() => this.connection.drain(timeout));
    this.requests.close();
    this.forget();
  }
}

function callOff(connection: JetStreamConnection, control: string | undefined): void {
  answerPeer(connection, control, CALL_OFF);
}

/** Peers are not trusted with the choice of a subject; what is sent is never empty. */
function answerPeer(connection: JetStreamConnection, subject: string | undefined, data: string): void {
  if (!subject || !isReplyAllowed(subject)) return;
  connection.post(subject, data, { purpose: 'a word to a service' });
}
