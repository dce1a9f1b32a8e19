import { lookup } from 'node:dns/promises';
import {
  NatsConnectionImpl,
  ProtocolHandler,
  setTransportFactory,
  type ConnectionOptions,
  type MsgArg,
  type NatsConnection,
  type Server,
  type SubscriptionImpl,
  type TransportFactory,
} from '@nats-io/transport-node';
import { toError } from '../../reporting/index.js';
import { Fence } from './fence.js';
import { GuardedParser } from './guarded-parser.js';
import { LinkTransport } from './link-transport.js';
import { MessageParser } from './message-parser.js';
import { ConnectionEndedError } from './open-socket.js';
import { Receivers } from './receivers.js';

/** Creates the link that is currently requested, if it is one of this library. */
let makeLink: (() => LinkTransport) | undefined;

/**
 * The transport factory of the client, which is one for all connections of the process. The client asks it for each
 * link of each connection. For connections that are not opened by this library, it returns an ordinary link.
 */
const FACTORY: TransportFactory = {
  factory: () => (makeLink ? makeLink() : new LinkTransport(undefined)),
  dnsResolveFn: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
};

/**
 * The client's protocol handler with links of this library. The client connects, authenticates, reconnects and manages
 * the subscriptions; messages bypass it between the socket and this library.
 */
export class LinkProtocol extends ProtocolHandler {
  readonly fence = new Fence();
  /** The receivers of messages that bypass the client. */
  readonly receivers = new Receivers(this, this.fence);
  /** The current link, which may have ended. */
  link: LinkTransport | undefined;

  /** Opens a connection of the client with links of this library; otherwise the same as the client's `connect`. */
  static async open(options: ConnectionOptions): Promise<NatsConnection> {
    // Options that are not set are requested from the factory.
    setTransportFactory(FACTORY);
    const nc = new (NatsConnectionImpl as unknown as new (options: ConnectionOptions) => NatsConnectionImpl)(
      options,
    );
    const protocol = new LinkProtocol(nc.options, nc);
    await protocol.dialLoop();
    nc.protocol = protocol;
    return nc as NatsConnection;
  }

  /** The client calls the factory before its first `await`. */
  override async _doDial(...args: Parameters<ProtocolHandler['_doDial']>): Promise<void> {
    setTransportFactory(FACTORY);
    return super._doDial(...args);
  }

  /** The same as {@link _doDial}. */
  override async dial(server: Server): Promise<void> {
    setTransportFactory(FACTORY);
    makeLink = () => this.makeLink();
    const dialed = super.dial(server);
    // If the factory was not called, the next call belongs to another connection.
    makeLink = undefined;
    return dialed;
  }

  /** Errors of the callback are reported, and the message is skipped. */
  override subscribe(subscription: SubscriptionImpl): ReturnType<ProtocolHandler['subscribe']> {
    if (subscription.noIterator) {
      const callback = subscription.callback.bind(subscription);
      subscription.callback = this.fence.around(subscription.subject, callback);
    }
    return super.subscribe(subscription);
  }

  /** Requests of the client have callbacks too. */
  override processMsg(message: MsgArg, data: Uint8Array): void {
    try {
      super.processMsg(message, data);
    } catch (thrown) {
      this.fence.report(Buffer.from(message.subject).toString(), thrown);
    }
  }

  /**
   * Ends a connection attempt whose link ended before the server accepted it, for example because it requires a client
   * certificate. The client itself would wait until its timeout, and start to reconnect in the meantime.
   */
  private endDial(link: LinkTransport, error: Error | undefined): boolean {
    if (this.link !== link || this.connectError === undefined) return false;
    this.connectError(error ?? new ConnectionEndedError(' before accepting it'));
    return true;
  }

  private makeLink(): LinkTransport {
    const link: LinkTransport = new LinkTransport(
      () =>
        new GuardedParser(new MessageParser(this.parser, this.receivers), (thrown) => {
          this.fence.reportUnreadable(thrown);
          link.destroy(toError(thrown));
        }),
      (error) => this.endDial(link, error),
    );
    this.link = link;
    return link;
  }
}
