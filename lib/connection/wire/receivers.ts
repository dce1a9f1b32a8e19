import type { ClientProtocol, ClientSubscription } from './client-protocol.js';
import type { MessageSink } from './message-parser.js';
import type { WireMessage } from './wire-message.js';

/** Who receives the messages of a link: the subscriptions made over a wire, and else the client's. */
export class Receivers implements MessageSink {
  private readonly bySid = new Map<number, ClientSubscription>();

  constructor(private readonly protocol: ClientProtocol) {}

  add(sid: number, subscription: ClientSubscription): void {
    this.bySid.set(sid, subscription);
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
    if (receiver.isClosed()) return;
    receiver.received++;
    receiver.callback(null, message);
  }
}
