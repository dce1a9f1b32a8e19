import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { jsonCodec, type Codec } from '../codecs/index.js';
import {
  directOf,
  mayNotConnect,
  openConnection,
  toConnectionError,
  unconnected,
  watchPermissions,
  type ConnectionSource,
  type JetStreamConnection,
} from '../connection/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { JetStreamInstruments, OperationObserver, type RunningOperation } from '../instruments/index.js';
import { JetStreamService, type PublishDefaults, withInstruments } from '../jetstream/index.js';
import { Requests } from '../requests/index.js';
import type { TimeBudget } from '../timing/index.js';
import { isReplyAllowed } from '../validation/index.js';
import type { LinkOptions } from './link-in-test.js';
import { CALL_OFF } from './packets/index.js';
import type { TransportConnectionOptions } from './transport-connection-options.interface.js';

/**
 * Rejects options that a shared `JetStreamService` already defines.
 *
 * @throws {@link InvalidArgumentError}
 */
export function checkSharing(
  options: TransportConnectionOptions & { readonly publish?: PublishDefaults | undefined },
): void {
  if (!(options.connection instanceof JetStreamService)) return;
  for (const option of ['instruments', 'jetstream', 'publish'] as const) {
    if (options[option] === undefined) continue;
    throw new InvalidArgumentError(
      option,
      'the JetStreamService given as connection already defines it: leave it out',
    );
  }
}

/** How long closing a connection waits for the server to confirm that it has received everything, in milliseconds. */
export const CLOSING = 2_000;
/** The minimum of this time, in milliseconds, even if handlers used up all of the shutdown. */
const LEAST_CLOSING = 250;

/** The status of a transport's connection. */
export type JetStreamTransportStatus = 'connected' | 'disconnected';

/** The events of `on` of a client. */
export type JetStreamTransportEvents = {
  /** The link to the server was lost; the client keeps trying to restore it. */
  disconnect: () => void;
  /** The link is restored. */
  reconnect: () => void;
  /** The connection is closed for good. */
  close: (error?: Error) => void;
  /** The server refused a publish or a subscription; each is reported once a minute. */
  'permission-denied': (error: Error) => void;
};

/** Receives the events of a link's connection. */
export interface TransportLinkOwner {
  onStatus(status: JetStreamTransportStatus): void;
  onEvent<Name extends keyof JetStreamTransportEvents>(
    name: Name,
    ...args: Parameters<JetStreamTransportEvents[Name]>
  ): void;
}

/** A connection used by a server or client: its own, or one that it shares with the application. */
export class TransportLink {
  /** The number of reconnects. */
  reconnects = 0;
  private readonly publishing: OperationObserver;
  private readonly requesting: OperationObserver;

  private constructor(
    readonly jetstream: JetStreamService,
    /** The requests of only this server or client, so that they can be ended without affecting the application. */
    readonly requests: Requests,
    /** The transport's own codec, if it has one. */
    private readonly own: Codec | undefined,
    private readonly owned: boolean,
    private readonly forget: () => void,
  ) {
    const { name, instruments } = jetstream.connection;
    this.publishing = new OperationObserver(instruments, { kind: 'publish', connection: name });
    this.requesting = new OperationObserver(instruments, { kind: 'request', connection: name });
  }

  /**
   * @param name the name of the connection in logs and errors
   * @param signal ends the wait for a server
   * @throws {@link ConnectionFailedError}
   */
  static async open(
    name: string,
    { connection: source = {}, jetstream: options = {}, codec, instruments = [], testing }: LinkOptions,
    publish: PublishDefaults,
    owner: TransportLinkOwner,
    signal: AbortSignal,
  ): Promise<TransportLink> {
    const shared = source instanceof JetStreamService;
    if (shared) await source.connection.opened({ signal });
    const open = (): Promise<JetStreamConnection> | JetStreamConnection =>
      testing === undefined && mayNotConnect(name)
        ? unconnected(name, options)
        : openConnection(name, source as ConnectionSource, options, signal);
    const connection = shared ? source.connection : await open();
    if (!shared) {
      connection.instruments = JetStreamInstruments.of(instruments);
      connection.timeScale = testing?.timeScale ?? 1;
    }
    // A service whose answers arrive after the deadline of their request receives a request to stop.
    const requests = new Requests(connection, undefined, ({ reply }) => callOff(connection, reply));
    const jetstream = shared
      ? directOf(source)
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
    // For a shared service, its module reports them.
    if (!shared) watchPermissions(connection, (error) => owner.onEvent('permission-denied', error));
    owner.onStatus('connected');
    const link = new TransportLink(jetstream, requests, codec, !shared, forget);
    return link;
  }

  /** The codec for packets of core NATS, and for answers. */
  get codec(): Codec {
    return this.own ?? this.jetstream.options.codec;
  }

  /** The codec for messages that a stream stores from a subject. */
  codecOfSubject(subject: string): Codec {
    return this.own ?? this.jetstream.declarations.codecOfSubject(subject);
  }

  /** The codec for messages that a stream delivers. */
  codecOfStream(name: string): Codec {
    return this.own ?? this.jetstream.declarations.codecOfStream(name);
  }

  get connection(): JetStreamConnection {
    return this.jetstream.connection;
  }

  get nc(): NatsConnection {
    return this.connection.nc;
  }

  /** Tells the instruments that a request begins; `undefined` if none is interested. */
  beginRequest(subject: string): RunningOperation | undefined {
    return this.requesting.begin({ target: subject });
  }

  /**
   * Sends a message to the current subscribers.
   *
   * @throws {@link ConnectionClosedError}, {@link PayloadTooLargeError}, {@link InvalidSubjectError}
   */
  send(subject: string, data: Uint8Array, headers: MsgHdrs | undefined): void {
    const operation = this.publishing.begin({ target: subject });
    const size = data.length;
    try {
      this.connection.wire.publish(
        subject,
        data,
        undefined,
        withInstruments(headers, { subject, data }, operation),
      );
      operation?.end({ size });
    } catch (thrown) {
      const error = toConnectionError(thrown, this.connection, { subject, data });
      operation?.end({ error, size });
      throw error;
    }
  }

  /** Tells a service to stop working on a request. */
  callOff(control: string): void {
    callOff(this.connection, control);
  }

  /** Sends a message to a subject that a peer chose, if this library may publish to it. */
  answerPeer(subject: string | undefined, data: string): void {
    answerPeer(this.connection, subject, data);
  }

  /**
   * Sends buffered messages and fails pending requests; closes the connection if it was opened here. It waits for a
   * server that does not respond at most two seconds, or the remaining budget.
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

/** Subjects chosen by peers are not trusted; the message is never empty. */
function answerPeer(connection: JetStreamConnection, subject: string | undefined, data: string): void {
  if (!subject || !isReplyAllowed(subject)) return;
  connection.post(subject, data, { purpose: 'a control message to a service' });
}
