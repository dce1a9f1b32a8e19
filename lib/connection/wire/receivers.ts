import type { ProtocolHandler, SubscriptionImpl, SubscriptionOptions } from '@nats-io/transport-node';
import type { Fence } from './fence.js';
import type { MessageSink } from './message-parser.js';
import { asMsg } from './received-message.js';
import type { Publisher, WireMessage } from './wire-message.js';

/** A subscription over the wire, with its original callback. */
interface Receiver {
  readonly subscription: SubscriptionImpl;
  readonly callback: NonNullable<SubscriptionOptions['callback']>;
  /** Sends the answers to its messages. */
  readonly publisher: Publisher;
}

/** The receivers of a link's messages: the subscriptions over a wire, otherwise the client. */
export class Receivers implements MessageSink {
  private readonly bySid = new Map<number, Receiver>();

  constructor(
    private readonly protocol: ProtocolHandler,
    private readonly fence: Fence,
  ) {}

  add(sid: number, receiver: Receiver): void {
    this.bySid.set(sid, receiver);
  }

  remove(sid: number): void {
    this.bySid.delete(sid);
  }

  onMessage(message: WireMessage): void {
    const { protocol } = this;
    const receiver = this.bySid.get(message.sid);
    if (receiver === undefined) return message.forward((...parts) => protocol.processMsg(...parts));
    protocol.inMsgs++;
    protocol.inBytes += message.length;
    const { subscription } = receiver;
    if (subscription.isClosed()) return;
    subscription.received++;
    message.publisher = receiver.publisher;
    // Entering a `try` costs nothing, so the callback is called without a wrapper.
    try {
      void receiver.callback(null, asMsg(message));
    } catch (thrown) {
      this.fence.report(subscription.getSubject(), thrown);
    }
  }
}
