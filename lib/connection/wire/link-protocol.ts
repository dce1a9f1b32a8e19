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

/** Makes the link that is asked for at this moment, if it is one of ours. */
let makeLink: (() => LinkTransport) | undefined;

/**
 * How the client makes transports, for all connections of the process: it has one factory, and asks it for each link of each
 * connection. What it asks for that is not ours gets a link without anything of ours.
 */
const FACTORY: TransportFactory = {
  factory: () => (makeLink ? makeLink() : new LinkTransport(undefined)),
  dnsResolveFn: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
};

/**
 * The client's protocol handler with links of ours. The client connects, authenticates, reconnects and keeps the
 * subscriptions; what comes and goes in numbers (messages) takes a shorter way between the socket and this library.
 */
export class LinkProtocol extends ProtocolHandler {
  readonly fence = new Fence();
  /** Who gets the messages that come past the client. */
  readonly receivers = new Receivers(this, this.fence);
  /** The present link, which may have ended. */
  link: LinkTransport | undefined;

  /** Opens a connection of the client with links of ours; otherwise as the client's `connect`. */
  static async open(options: ConnectionOptions): Promise<NatsConnection> {
    // What the options leave out is asked of the factory.
    setTransportFactory(FACTORY);
    const nc = new (NatsConnectionImpl as unknown as new (options: ConnectionOptions) => NatsConnectionImpl)(
      options,
    );
    const protocol = new LinkProtocol(nc.options, nc);
    await protocol.dialLoop();
    nc.protocol = protocol;
    return nc as NatsConnection;
  }

  /** The client asks the factory before the first `await` in it. */
  override async _doDial(...args: Parameters<ProtocolHandler['_doDial']>): Promise<void> {
    setTransportFactory(FACTORY);
    return super._doDial(...args);
  }

  /** As {@link _doDial}. */
  override async dial(server: Server): Promise<void> {
    setTransportFactory(FACTORY);
    makeLink = () => this.makeLink();
    const dialed = super.dial(server);
    // Should it not have been asked for: the next one is somebody else's.
    makeLink = undefined;
    return dialed;
  }

  /** What a callback throws is reported, and its message is skipped. */
  override subscribe(subscription: SubscriptionImpl): ReturnType<ProtocolHandler['subscribe']> {
    if (subscription.noIterator) {
      const callback = subscription.callback.bind(subscription);
      subscription.callback = this.fence.around(subscription.subject, callback);
    }
    return super.subscribe(subscription);
  }

  /** Requests of the client have callbacks, too. */
  override processMsg(message: MsgArg, data: Uint8Array): void {
    try {
      super.processMsg(message, data);
    } catch (thrown) {
      this.fence.report(Buffer.from(message.subject).toString(), thrown);
    }
  }

  /**
   * Ends the attempt to connect whose link has ended before the server has accepted it, because it wants a client certificate for
   * example. The client itself would wait until its timeout, and meanwhile begin to reconnect.
   */
  private endDial(link: LinkTransport, error: Error | undefined): boolean {
    if (this.link !== link || this.connectError === undefined) return false;
    this.connectError(error ?? new ConnectionEndedError(' before it accepted it'));
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
